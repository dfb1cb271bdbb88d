import { linkedSymbols } from "../../kernel/debuginfo/kernel-symbols.js";
import { findSymbols, findTypes } from "../../kernel/debuginfo/memory-debuginfo.js";
import { openVmlinux } from "../../kernel/debuginfo/vmlinux.js";
import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import type { GivenFile } from "../../reader/source/side-file.js";

/** Symbols and types for rules. To be closed. */
export interface EraseDebuginfo {
  /** `undefined`: the dump has no symbols or no types. */
  readonly kernel: KernelObjects | undefined;
  close(): void;
}

/**
 * Symbols and types of the given vmlinux (its DWARF is preferred, because it has the types of variables), or else those
 * in the kernel's memory. Throws what `openVmlinux` throws.
 */
export function eraseDebuginfo(dump: Dump, view: KernelView, vmlinux: GivenFile | undefined): EraseDebuginfo {
  const memory = viewMemory(dump, view);
  if (memory === undefined) return { kernel: undefined, close: () => undefined };
  if (vmlinux === undefined) {
    const symbols = findSymbols(memory);
    const types = symbols && findTypes(memory, symbols);
    return { kernel: symbols && types && { memory, symbols, types }, close: () => undefined };
  }
  const file = openVmlinux(vmlinux, ["dwarf", "btf"]);
  return { kernel: { memory, symbols: linkedSymbols(memory, file), types: file.types }, close: () => file.close() };
}
