/**
 * /proc/kcore: program headers as Linux 6.1 writes them on a machine with page tables of five levels (captured in a guest of QEMU), and the memory of a real dump behind
 * headers of that shape.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { usedTopTables } from "../../../src/filter/privacy/cpu-stacks.js";
import { readElfHeader } from "../../../src/reader/elf/header.js";
import { kcoreOf } from "../../../src/reader/elf/kcore.js";
import { readSegments } from "../../../src/reader/elf/segments.js";
import { openDump } from "../../../src/reader/open.js";
import { fileSource, openFile } from "../../../src/reader/source/byte-source.js";
import { Warnings } from "../../../src/warnings.js";
import { runCli } from "../../support/cli.js";
import { compareKdumpWithElf } from "../../support/compare-pages.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { ALL_ONES, buildElf, type ElfLoad } from "../../support/elf-image.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, pfnSet } from "../../support/golden.js";
import { prstatusNote, vmcoreinfoNote } from "../../support/notes.js";
import { failureOf } from "../../support/open.js";
import { openKdump } from "../../support/other-kdump.js";
import { ramOf } from "../../support/raw-image.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const READER = [
  prstatusNote(77),
  { name: "CORE", type: 3, desc: new Uint8Array(136) },
  { name: "CORE", type: 4, desc: new Uint8Array(8328) },
];
const INFO = vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n");

/** Offset, virtual and physical address, size. */
const LA57 = [
  [0xffffff9de04000n, 0xffffffff9de00000n, 0x7200000n, 0x2830000n],
  [0x61d52ec0004000n, 0xff61d52ec0000000n, ALL_ONES, 0x31ffffffffffffn],
  [0xffffffc0004000n, 0xffffffffc0000000n, ALL_ONES, 0x3f000000n],
  [0x328a1a40005000n, 0xff328a1a40001000n, 0x1000n, 0x9e000n],
  [0xb2982680004000n, 0xffb2982680000000n, ALL_ONES, 0x3000n],
  [0x328a1a40104000n, 0xff328a1a40100000n, 0x100000n, 0x3feda000n],
] as const;

const headers = (rows: readonly (readonly [bigint, bigint, bigint, bigint])[]): ElfLoad[] =>
  rows.map(([offset, vaddr, paddr, size]) => ({ offset, vaddr, paddr, filesz: size, memsz: size, flags: 7 }));

describe("program headers", () => {
  test("RAM is taken, at offsets from the first of it on: they are above 2^53", () => {
    writeFileSync(at("la57"), buildElf({ loads: headers(LA57), notes: [...READER, INFO] }));
    const source = fileSource(openFile(at("la57")));
    const header = readElfHeader(source);
    const kcore = kcoreOf(source, header);
    expect(kcore?.base).toBe(0x328a1a40005000n);
    expect(readSegments(source, header, kcore).loads).toMatchObject([
      { paddr: 0x1000, offset: 0, filesz: 0x9e000, vaddr: 0xff328a1a40001000n },
      { paddr: 0x100000, offset: 0xff000, filesz: 0x3feda000, vaddr: 0xff328a1a40100000n },
    ]);
    const dump = openDump(at("la57"), new Warnings());
    expect([dump.fileSize, dump.maxMapnr]).toEqual([0x9e000 + 0x3feda000, 0x3ffda]);
    expect(dump.notes.map(({ name }) => name)).toEqual(["VMCOREINFO"]);
    expect(dump.header.cpus).toBe(0);
    dump.close();
  });

  test("a copy that lacks memory is salvaged as far as it goes, and not looked through page by page", () => {
    const loads = headers([[0x1000n, 0xffff_8880_0000_0000n, 0n, 2n ** 40n], LA57[1]]);
    writeFileSync(at("copy"), Buffer.concat([buildElf({ loads, notes: [...READER, INFO] }), Buffer.alloc(8192, 7)]));
    const warnings = new Warnings();
    const dump = openDump(at("copy"), warnings, { salvage: true });
    expect(warnings.list.map(({ code }) => code)).toEqual(["CUT_OFF", "MISSING_PAGES", "INPUT_CHANGED"]);
    expect(dump.memory.next(2 ** 30)).toBe(Number.POSITIVE_INFINITY);
    dump.close();
  });

  test.each([
    ["one segment", [[0x1000n, 0xc000_0000n, 0n, 8192n]]],
    [
      "two",
      [
        [0x1000n, 0xffff_8880_0000_0000n, 0n, 4096n],
        [0x2000n, 0xffff_8881_0000_0000n, 0x1_0000_0000n, 4096n],
      ],
    ],
  ] as const)("a core of netdump has the same note, and is a dump at rest with its registers: %s", (_, rows) => {
    const bytes = Buffer.alloc(3 * 4096, 7);
    bytes.set(buildElf({ loads: headers(rows), notes: READER }).subarray(0, 4096));
    writeFileSync(at("netdump"), bytes.subarray(0, 4096 * 3));
    const warnings = new Warnings();
    const dump = openDump(at("netdump"), warnings);
    expect([dump.header.description, dump.header.cpus, warnings.list]).toEqual(["ELF64 vmcore, little endian", 1, []]);
    expect(dump.notes.map(({ type }) => type)).toEqual([1, 3, 4]);
    expect(dump.memory.read(new Uint8Array(16), 0)).toBe(16);
    dump.close();
    writeFileSync(at("netdump"), bytes.subarray(0, 4096 * 2 + 100));
    expect(failureOf(() => openDump(at("netdump"))).code).toBe("TRUNCATED");
  });

  test("a core without the note of its reader is none", () => {
    writeFileSync(at("core"), buildElf({ loads: headers(LA57.slice(3, 4)), notes: [...READER.slice(0, 2), INFO] }));
    const source = fileSource(openFile(at("core")));
    expect(kcoreOf(source, readElfHeader(source))).toBeUndefined();
  });

  test("before Linux 4.11 there are no physical addresses", () => {
    const old = LA57.filter(([, , paddr]) => paddr !== ALL_ONES).map(([o, v, , s]) => [o, v, 0n, s] as const);
    writeFileSync(at("old"), buildElf({ loads: headers(old), notes: READER }));
    const error = failureOf(() => openDump(at("old")));
    expect([error.code, error.reason]).toEqual(["UNSUPPORTED", expect.stringMatching(/before 4\.11/)]);
  });
});

test("where it cannot be opened the cure is its own", async () => {
  // CI runs in containers, which have no kcore or hide it; a machine that has one for root reads it.
  const run = await runCli(["info", "/proc/kcore"]);
  if (run.code !== 0) expect(run.stderr).toMatch(/^coresieve: \/proc\/kcore: .*(needs root|cannot be read)/);
});

describeWithDumps("the memory of a real dump behind such headers", () => {
  test("has the same kept pages, VMCOREINFO and no registers of its reader", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const ram = ramOf(vmcore);
    const own = openDump(vmcore);
    const text = own.vmcoreinfo?.text ?? "";
    own.close();
    const last = ram.reduce((a, b) => (b.data.length > a.data.length ? b : a));
    const loads: ElfLoad[] = [
      // The kernel's image, far behind: it is in RAM, too.
      { ...headers([[0xffffff9de04000n, 0xffffffff9de00000n, BigInt(last.start) + 0x1000n, 0x10000n]])[0] } as ElfLoad,
      ...headers([[0x61d52ec0004000n, 0xff61d52ec0000000n, ALL_ONES, 0x31ffffffffffffn]]),
      ...ram.map(({ start, data }) => ({ paddr: start, vaddr: 0xffff_8880_0000_0000n + BigInt(start), data })),
    ];
    writeFileSync(at("kcore"), buildElf({ loads, notes: [...READER, vmcoreinfoNote(text)] }));
    await filterFile(vmcore, at("plain"));
    const warnings = new Warnings();
    const result = await filterFile(at("kcore"), at("out"), { warnings });
    expect(warnings.list.map(({ code }) => code)).toEqual(["INPUT_CHANGED"]);
    expect(result.inputBytes).toBe(ram.reduce((sum, { data }) => sum + data.length, 0));
    const [plain, found] = [openKdump(at("plain")), openKdump(at("out"))];
    plain.close();
    found.close();
    // QEMU's firmware is in its dump, and no RAM.
    const without = [...bitmapPfns(plain.bitmap2)].filter((pfn) => pfn * 4096 < 0xfffc_0000);
    expect(pfnSet(bitmapPfns(found.bitmap2))).toEqual(pfnSet(without));
    expect(compareKdumpWithElf(at("out"), vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
    const written = openDump(at("out"));
    for (const { name, desc } of written.notes) if (name === "CORE") expect(Buffer.from(desc).readInt32LE(32)).toBe(-1);
    expect(readFileSync(at("out")).includes(Buffer.from("OSRELEASE=6.1"))).toBe(true);
    written.close();
    // With --privacy the same pages stay as of the ordinary dump.
    await filterFile(vmcore, at("plain"), { privacy: true });
    await filterFile(at("kcore"), at("out"), { privacy: true });
    const [ordinary, running] = [openKdump(at("plain")), openKdump(at("out"))];
    ordinary.close();
    running.close();
    const [inRam, known] = [ordinary, running].map(({ bitmap2 }) =>
      [...bitmapPfns(bitmap2)].filter((pfn) => pfn * 4096 < 0xfffc_0000),
    ) as [number[], number[]];
    // But the top page table of the CPUs' process, which only registers name.
    const dump = openDump(vmcore);
    const tops = usedTopTables(dump).map((paddr) => paddr / 4096);
    dump.close();
    expect(inRam.filter((pfn) => !known.includes(pfn)).every((pfn) => tops.includes(pfn))).toBe(true);
    expect(pfnSet(known)).toEqual(pfnSet(inRam.filter((pfn) => known.includes(pfn))));
    expect(inRam.length - known.length).toBeLessThanOrEqual(tops.length);
  });
});
