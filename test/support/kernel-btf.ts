/** The BTF of a real dump's kernel, cut out of its memory. */
import { openBtf } from "../../src/kernel/debuginfo/btf.js";
import { findSymbols } from "../../src/kernel/debuginfo/memory-debuginfo.js";
import { kernelView, viewMemory } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { realDump } from "./dumps.js";

/** The blob between the kernel's own two symbols. */
export async function kernelBtf(name: string): Promise<Uint8Array> {
  const { vmcore } = await realDump(name);
  const warnings = new Warnings();
  const dump = openDump(vmcore, warnings);
  try {
    const memory = viewMemory(dump, kernelView(dump, warnings));
    const symbols = memory === undefined ? undefined : findSymbols(memory);
    const [start, stop] = [symbols?.address("__start_BTF"), symbols?.address("__stop_BTF")];
    if (start === undefined || stop === undefined) throw new Error(`${name} has no BTF`);
    const view = memory?.readView(start, Number(stop - start));
    const bytes = view === undefined ? undefined : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (bytes === undefined || openBtf(bytes) === undefined) throw new Error(`the BTF of ${name} cannot be read`);
    return bytes;
  } finally {
    dump.close();
  }
}
