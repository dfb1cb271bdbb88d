/** VMCOREINFO that no note has, found in memory. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, goldenDumps, readGolden, realDump } from "../support/dumps.js";
import { buildElf, ElfMachine } from "../support/elf-image.js";
import { sharedThread, temporaryFolder } from "../support/filter.js";
import { bitmapSet, goldenKept } from "../support/golden.js";
import { toElf, writeElf } from "../support/kernel-dump.js";
import { buildKernel, type Kernel, type KernelOptions, MiB } from "../support/kernel-image.js";
import { encodeNotes, vmcoreinfoNote } from "../support/notes.js";
import { openKdump } from "../support/other-kdump.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();

/** The dump as if it had been written without its VMCOREINFO note. */
function withoutNote(dump: Dump): Dump {
  return { ...dump, noteArea: new Uint8Array(0), notes: [], vmcoreinfo: undefined };
}

describeWithDumps("real dumps without their note", () => {
  test.each(goldenDumps)("$name: the same pages, and the note in the output", async ({ name }) => {
    const { vmcore } = await realDump(name);
    const output = join(folder, `${name}.kdump`);
    const dump = openDump(vmcore);
    const text = dump.vmcoreinfo?.text;
    const warnings = new Warnings();
    await filterDump(withoutNote(dump), {
      output: { path: output, force: true },
      level: 31,
      format: "kdump",
      codec: codecOf("none"),
      workers: sharedThread(),
      warnings,
    });
    dump.close();
    expect(warnings.list).toEqual([]);
    const { bitmap2, facts, close } = openKdump(output);
    close();
    expect(bitmapSet(bitmap2)).toEqual(goldenKept(readGolden(name), 31));
    expect(facts.vmcoreinfo.toString("latin1")).toBe(text);
    const again = openDump(output);
    const others = again.notes.map((note) => note.name);
    // Each CPU has a note in a kdump file, with registers or without.
    expect(others.splice(0, others.length - 1)).toEqual(new Array(again.header.cpus).fill("CORE"));
    expect(others).toEqual(["VMCOREINFO"]);
    again.close();
  });
});

/** Where a text is put: behind the built kernels' own data, before the end of their memory. */
const FREE = 31 * MiB;

interface Placed {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A dump without notes of kernels in one memory, with texts in it. */
function dumpOf(kernels: readonly Kernel[], placed: readonly Placed[]): Dump {
  const [first, ...others] = kernels as [Kernel, ...Kernel[]];
  for (const { at, bytes } of placed) {
    const owner = kernels.find(({ ranges }) => ranges.some(({ start, end }) => at >= start && at < end));
    owner?.memory.write(at, bytes);
  }
  const moreLoads = others.flatMap(({ ranges, memory }) =>
    ranges.map(({ start, end }) => ({ paddr: start, vaddr: start, data: memory.read(start, end - start), flags: 7 })),
  );
  const path = join(folder, "built.elf");
  writeDump(path, toElf(first, { style: "qemu", notes: [], moreLoads }));
  return openDump(path);
}

const ascii = (text: string) => Buffer.from(text, "latin1");
const note = (text: string) => encodeNotes([vmcoreinfoNote(text)], "little");

function complete(dump: Dump, options: { vmcoreinfoAt?: number } = {}) {
  const warnings = new Warnings();
  const found = completeWithKernel(dump, warnings, options).dump;
  dump.close();
  return {
    address: found.vmcoreinfoAddress,
    info: found.vmcoreinfo,
    codes: warnings.list.map(({ code }) => code),
    message: warnings.list[0]?.message,
    found: found.vmcoreinfoFound,
    notes: found.notes,
  };
}

describe("where the text is", () => {
  const kernel = (options: KernelOptions = {}) => buildKernel({ release: "6.1.0-one", ...options });

  test.each([
    ["at a page's start", FREE, 0],
    ["anywhere (kernels before 4.13 have it in their image)", FREE + 0x1238, 0],
    ["across the pieces that are read at once", FREE - 4, 0],
    ["in a note", FREE, 24],
  ])("%s", (_, at, header) => {
    const one = kernel();
    const bytes = header === 0 ? ascii(`${one.vmcoreinfo}\0`) : note(one.vmcoreinfo);
    const { address, info, codes } = complete(dumpOf([one], [{ at, bytes }]));
    expect(address).toBe(at + header);
    expect(info?.text).toBe(one.vmcoreinfo);
    expect(codes).toEqual([]);
  });

  test("copies of one kernel's: the one that was written at the crash, then the one in a note", () => {
    const one = kernel();
    const crashed = `${one.vmcoreinfo}CRASHTIME=1700000000\n`;
    const page = { at: FREE, bytes: ascii(`${one.vmcoreinfo}\0`) };
    const inNote = { at: FREE + 0x1_0000, bytes: note(one.vmcoreinfo) };
    const last = { at: FREE + 0x2_0000, bytes: note(crashed) };
    expect(complete(dumpOf([one], [page, inNote])).address).toBe(inNote.at + 24);
    const { address, info, codes } = complete(dumpOf([one], [page, inNote, last]));
    expect(address).toBe(last.at + 24);
    expect(info?.crashTime).toBe(1_700_000_000);
    expect(codes).toEqual([]);
  });

  test("another kernel's text in a file of the page cache is passed over", () => {
    const one = kernel();
    const other = buildKernel({ release: "5.10.0-other", kernelOffset: 4 * MiB });
    const texts = [
      { at: FREE, bytes: ascii(`${other.vmcoreinfo}\0`) },
      { at: FREE + 0x4000, bytes: ascii("OSRELEASE=%s\nPAGESIZE=%ld\n\0") },
      { at: FREE + 0x8000, bytes: ascii(`${one.vmcoreinfo.slice(0, 300)}\x01${one.vmcoreinfo.slice(301)}\0`) },
      { at: FREE + 0xc000, bytes: ascii(`${one.vmcoreinfo}\0`) },
    ];
    expect(complete(dumpOf([one], texts))).toMatchObject({ address: FREE + 0xc000, codes: [] });
  });

  test("a crashed kernel and the one that was to write the dump", () => {
    const one = kernel({ memory: 48 * MiB });
    const start = 64 * MiB;
    const second = buildKernel({
      release: "6.1.0-kdump",
      memory: [{ start, end: start + 32 * MiB }],
      physBase: start,
    });
    const texts = [
      { at: FREE, bytes: ascii(`${one.vmcoreinfo}\0`) },
      { at: start + FREE, bytes: ascii(`${second.vmcoreinfo}\0`) },
    ];
    const both = dumpOf([one, second], texts);
    const { address, codes, message, found } = complete(both);
    expect(address).toBe(FREE);
    expect(codes).toEqual(["SEVERAL_KERNELS"]);
    expect(message).toContain("`vmcoreinfoAt: ADDRESS` takes another");
    expect(found).toMatchObject([
      { paddr: FREE, release: "6.1.0-one", inNote: false, reason: undefined },
      { paddr: start + FREE, release: "6.1.0-kdump", inNote: false, reason: undefined },
    ]);
    expect(complete(dumpOf([one, second], texts), { vmcoreinfoAt: start + FREE }).info?.osrelease).toBe("6.1.0-kdump");
    const nowhere = () => complete(dumpOf([one, second], texts), { vmcoreinfoAt: 0x5000 });
    expect(nowhere).toThrow("there is no VMCOREINFO text at physical address 0x5000");
  });

  test("none: the page size is a guess", () => {
    const path = join(folder, "none.elf");
    writeFileSync(
      path,
      buildElf({ machine: ElfMachine.ppc64, notes: [], loads: [{ paddr: 0, data: Buffer.alloc(9) }] }),
    );
    expect(complete(openDump(path))).toMatchObject({
      ...{ address: undefined, info: undefined, codes: ["PAGE_SIZE_GUESSED"], found: [] },
    });
  });
});

test("an address that is asked for goes before the dump's note, which the output does not get then", () => {
  const one = buildKernel({ release: "6.1.0-one" });
  one.memory.write(FREE, ascii(`${one.vmcoreinfo}CRASHTIME=1700000000\n\0`));
  const path = join(folder, "with-note.elf");
  writeElf(path, one);
  const { address, info, notes } = complete(openDump(path), { vmcoreinfoAt: FREE });
  expect([address, info?.crashTime]).toEqual([FREE, 1_700_000_000]);
  expect(notes.map(({ name }) => name)).toEqual(["CORE"]);
});

test("a memory image read as another machine: the error says which text was tried, and as what", () => {
  const one = buildKernel({ release: "6.1.0-one" });
  one.memory.write(FREE, ascii(`${one.vmcoreinfo}\0`));
  const path = join(folder, "memory.raw");
  writeFileSync(path, one.memory.read(0, 32 * MiB));
  const machine = { arch: "arm64", wordSize: 8, littleEndian: true } as const;
  const dump = openDump(path, undefined, { raw: [{ start: 0, end: undefined }], machine });
  const found = completeWithKernel(dump, new Warnings()).dump;
  expect(found.vmcoreinfoFound).toMatchObject([{ paddr: FREE, release: "6.1.0-one", pages: undefined }]);
  expect(() => kernelView(found, new Warnings())).toThrow(
    /VMCOREINFO of 6\.1\.0-one at 0x1f00000 in its memory leads to no kernel of arm64: .*\(`machine`\).*\(`raw`\)/,
  );
  dump.close();
});

test("the page size comes with the text", () => {
  const one = buildKernel({ release: "6.1.0-one" });
  const dump = dumpOf([one], [{ at: FREE, bytes: ascii(`${one.vmcoreinfo}\0`) }]);
  // As if the headers had said 64 KiB: QEMU's kdump files of some machines do.
  const wrong: Dump = { ...dump, pageSize: 65536, maxMapnr: dump.maxMapnr / 16 };
  const found = completeWithKernel(wrong, new Warnings()).dump;
  expect(found).toMatchObject({ pageSize: 4096, maxMapnr: dump.maxMapnr });
  expect(kernelView(found, new Warnings()).memMap.count).toBe(1);
  dump.close();
});
