/** -x: real dumps without any VMCOREINFO, filtered with their kernel's vmlinux. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeVmcoreinfo } from "../../../src/cli/commands/write-vmcoreinfo.js";
import { completeOptions, type InputArguments } from "../../../src/cli/input-options.js";
import { codecOf } from "../../../src/codec/codecs.js";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { findSymbols } from "../../../src/kernel/debuginfo/memory-debuginfo.js";
import * as items from "../../../src/kernel/debuginfo/vmcoreinfo-items.js";
import { kernelView, viewMemory } from "../../../src/kernel/kernel-view.js";
import { runAtOnce } from "../../../src/long-work.js";
import type { Dump } from "../../../src/reader/dump.js";
import { openDump } from "../../../src/reader/open.js";
import { parseVmcoreinfo } from "../../../src/reader/vmcoreinfo.js";
import { scanForVmcoreinfo } from "../../../src/reader/vmcoreinfo-scan.js";
import { filterDump } from "../../../src/run/filter-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { WorkerThreads } from "../../../src/worker/threads.js";
import { describeWithDumps, readGolden, realDump, realVmlinux } from "../../support/dumps.js";
import { elfProgram } from "../../support/elf-program.js";
import { temporaryFolder } from "../../support/filter.js";
import { goldenKept, keptPages } from "../../support/golden.js";
import { kernelBtf } from "../../support/kernel-btf.js";
import { failureOf, failureOfAsync } from "../../support/open.js";

const folder = temporaryFolder();
const none: InputArguments = {
  raw: undefined,
  arch: undefined,
  vmcoreinfo: undefined,
  vmcoreinfoAt: undefined,
  vmlinux: undefined,
  vmcoreinfoDevice: undefined,
  salvage: false,
};
const LEVELS = Array.from({ length: 32 }, (_, level) => level);

/** A copy of the dump in which the note and every text in memory is zeros. */
async function withoutAnyText(name: string): Promise<string> {
  const bytes = readFileSync((await realDump(name)).vmcore);
  for (const start of ["VMCOREINFO\0", "OSRELEASE="]) {
    for (let at = bytes.indexOf(start, 0, "latin1"); at !== -1; at = bytes.indexOf(start, at, "latin1")) {
      // The note's name alone: its header stays, so that the notes behind it do.
      const end = start.startsWith("V") ? at + start.length : bytes.indexOf(0, at);
      bytes.fill(0, at, end < 0 ? bytes.length : end);
    }
  }
  const path = join(folder, `${name}.elf`);
  writeFileSync(path, bytes);
  const dump = openDump(path);
  expect([dump.vmcoreinfo, runAtOnce(scanForVmcoreinfo(dump.memory)).found]).toEqual([undefined, []]);
  dump.close();
  return path;
}

async function filtered(dump: Dump, level: number, workers: WorkerThreads) {
  const output = { path: join(folder, "out"), force: true };
  const warnings = new Warnings();
  await filterDump(dump, { output, level, format: "kdump", codec: codecOf("none"), workers, warnings });
  return { kept: keptPages(output.path), warnings: warnings.list };
}

/** What a made text has in common with the kernel's own. */
function compare(made: ReadonlyMap<string, string>, own: ReadonlyMap<string, string>) {
  const number = (text: string) => (/^-?(\d+|0x[0-9a-f]+)$/.test(text) ? String(BigInt(text)) : text);
  const keys = [...own.keys()];
  return {
    different: keys.filter((key) => made.has(key) && number(made.get(key) ?? "") !== number(own.get(key) ?? "")),
    missing: keys.filter((key) => !made.has(key)),
    more: [...made.keys()].filter((key) => !own.has(key)),
  };
}

const itemsOf = (text: string) => parseVmcoreinfo(text, new Warnings()).items;
const ownItems = async (name: string) => itemsOf(readFileSync((await realDump(name)).vmcoreinfo, "latin1"));

describeWithDumps("dumps without VMCOREINFO and their vmlinux", () => {
  describe.each([
    ["tiny-x86-6.1-nokaslr", LEVELS],
    ["tiny-x86-6.1", [0, 1, 2, 6, 8, 16, 31]],
    ["tiny-x86-6.1-holes", [31]],
  ] as const)("%s", (name, levels) => {
    test("the text is the kernel's own, and the same pages are kept at every level", async () => {
      const vmlinux = await realVmlinux();
      const dump = openDump(await withoutAnyText(name));
      const workers = new WorkerThreads(1);
      try {
        const complete = completeWithKernel(dump, new Warnings(), { vmlinux }).dump;
        const common = compare(complete.vmcoreinfo?.items ?? new Map(), await ownItems(name));
        expect(common).toEqual({ different: [], missing: [], more: [] });
        const golden = readGolden(name);
        for (const level of levels) {
          const { kept, warnings } = await filtered(complete, level, workers);
          expect({ level, kept, warnings }).toEqual({ level, kept: goldenKept(golden, level), warnings: [] });
        }
      } finally {
        await workers.destroy();
        dump.close();
      }
    });
  });

  test("-g with -x writes the text made; a wrong note of the dump does not matter", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const bytes = readFileSync(vmcore);
    const note = bytes.indexOf("VMCOREINFO\0", 0, "latin1");
    bytes.write("X", bytes.indexOf("SYMBOL(init_top_pgt)", note, "latin1"), "latin1");
    const path = join(folder, "wrong-note.elf");
    writeFileSync(path, bytes);
    const text = join(folder, "text");
    await writeVmcoreinfo(
      {
        ...none,
        files: [path],
        vmlinux: await realVmlinux(),
        writeVmcoreinfo: text,
        force: false,
        strict: true,
      },
      new AbortController().signal,
    );
    const own = await ownItems("tiny-x86-6.1");
    expect(compare(itemsOf(readFileSync(text, "latin1")), own)).toEqual({ different: [], missing: [], more: [] });
  });

  test.each<[string, string, RegExp]>([
    ["another kernel's", "tiny-x86-6.12", /is of kernel 6\.1\.192-tiny, but the dump is of 6\.12\.117-tiny/],
    ["another build's", "tiny-x86-6.1-sparse-classic", /another build of kernel 6\.1\.192-tiny: .*a6c4.*873c/],
    ["another machine's", "tiny-s390x-6.12", /is of a kernel for x86_64, but the dump is of s390x/],
  ])("%s vmlinux is refused", async (_, name, message) => {
    const vmlinux = await realVmlinux();
    const dump = openDump((await realDump(name)).vmcore);
    const error = failureOf(() => completeWithKernel(dump, new Warnings(), { vmlinux }).dump);
    dump.close();
    expect([error.code, error.message]).toEqual(["BAD_OPTION", expect.stringMatching(message)]);
  });

  test("a distribution's 6.12 under KASLR, by BTF: symbols and types as its vmlinux has them", async () => {
    const name = "x86-6.12-tiny";
    const vmlinux = join(folder, "vmlinux-6.12");
    const { vmcore } = await realDump(name);
    writeFileSync(vmlinux, await rebuiltVmlinux(name));
    const dump = openDump(vmcore);
    const workers = new WorkerThreads(1);
    try {
      const complete = completeWithKernel(dump, new Warnings(), { vmlinux }).dump;
      expect(compare(complete.vmcoreinfo?.items ?? new Map(), await ownItems(name))).toEqual({
        different: [],
        missing: ["BUILD-ID"],
        // This 6.12 has the type, and does not export it.
        more: ["NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)"],
      });
      const { kept, warnings } = await filtered(complete, 31, workers);
      expect({ kept, warnings }).toEqual({ kept: goldenKept(readGolden(name), 31), warnings: [] });
    } finally {
      await workers.destroy();
      dump.close();
    }
  });
});

/**
 * The vmlinux of a dumped kernel, as far as its own tables in memory tell: kallsyms without the shift of KASLR, its
 * BTF, and the banner.
 */
async function rebuiltVmlinux(name: string): Promise<Uint8Array> {
  const data = await kernelBtf(name);
  const dump = openDump((await realDump(name)).vmcore);
  try {
    const memory = viewMemory(dump, kernelView(dump, new Warnings()));
    const symbols = memory === undefined ? undefined : findSymbols(memory);
    const address = symbols?.address("linux_banner");
    const view = address === undefined ? undefined : memory?.readView(address, 256);
    const shift = dump.vmcoreinfo?.kernelOffset ?? 0n;
    if (symbols === undefined || address === undefined || view === undefined)
      throw new Error(`${name} has no kallsyms`);
    const exported = Object.values(items)
      .flat(2)
      .filter((one) => typeof one === "string");
    const variables = ["linux_banner", "node_data", "node_states", "mem_section", "init_top_pgt", "swapper_pg_dir"];
    const moving = [
      "phys_base",
      "__pgtable_l5_enabled",
      "sme_me_mask",
      "kaslr_get_random_long",
      "vmalloc_base",
      "vmemmap_base",
    ];
    const sizes = new Map([
      ["mem_section", 8],
      ["node_data", 8 * (dump.vmcoreinfo?.length("node_data") ?? 0)],
    ]);
    const table = [...new Set([...exported, ...variables, ...moving])].flatMap((one) => {
      const at = symbols.address(one);
      return at === undefined ? [] : [{ name: one, address: at - shift, size: sizes.get(one) ?? 0 }];
    });
    const banner = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return elfProgram({
      symbols: table,
      sections: [
        { name: ".rodata", flags: 2, addr: address - shift, data: banner },
        { name: ".BTF", data },
      ],
    });
  } finally {
    dump.close();
  }
}

test("an -x that is no vmlinux is opened by its name", async () => {
  expect(await failureOfAsync(() => completeOptions({ ...none, vmlinux: "absent" }))).toMatchObject({
    code: "NOT_READABLE",
    file: "absent",
  });
  const vmlinux = await realVmlinux();
  expect(await completeOptions({ ...none, vmlinux })).toEqual({ vmlinux });
});
