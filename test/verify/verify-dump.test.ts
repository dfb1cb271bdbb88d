/** `verifyDump`: nothing is wrong with good dumps of every form, and each kind of damage is found and counted. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifyDump } from "../../src/verify/verify-dump.js";
import type { VerifyOptions } from "../../src/verify/verify-options.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { describeWithDumps, furtherDumps, realDump, realDumps } from "../support/dumps.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { bitmapPfns } from "../support/golden.js";
import { toElf, toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { failureOfAsync } from "../support/open.js";
import { openKdump } from "../support/other-kdump.js";
import { buildLime } from "../support/raw-image.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const threads = new WorkerThreads(1);
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [
    { pfn: 64, kind: "anon", count: 8 },
    { pfn: 128, kind: "cache", count: 8 },
  ],
});
const elf = toElf(kernel);
const kdump = Buffer.from(toKdump(kernel, { codec: "zlib" }));
writeDump(at("elf"), elf);
writeFileSync(at("kdump"), kdump);
const file = openKdump(at("kdump"));
const { facts, descriptorsAt } = file;
const dumped = [...bitmapPfns(file.bitmap2)];
const pages = dumped.map((pfn, i) => ({ pfn, at: descriptorsAt + 24 * i, ...file.descriptor(i) }));
file.close();
const own = pages.filter(({ flags }) => flags === 1);
const middle = Math.floor(own.length / 2);
const bitmapAt = (1 + facts.subHeaderBlocks) * facts.blockSize;
const half = (facts.bitmapBlocks / 2) * facts.blockSize;

const verify = (path: string, options: VerifyOptions = {}) => verifyDump(path, { workers: threads, ...options });

/** Verifies the kdump file after `change`. */
async function damaged(change: (bytes: Buffer) => Buffer | undefined) {
  const bytes = Buffer.from(kdump);
  writeDump(at("damaged"), change(bytes) ?? bytes);
  return verify(at("damaged"));
}

describe("nothing is wrong with", () => {
  test.each([
    ["an ELF file", elf],
    ["a kdump file", kdump],
    ["a flattened one", flatten(kdump, { recordSize: 5000, order: "shuffled" })],
    [
      "a LiME image",
      buildLime(kernel.ranges.map(({ start, end }) => ({ start, data: kernel.memory.read(start, end - start) }))),
    ],
  ])("%s", async (_, bytes) => {
    writeDump(at("good"), bytes);
    const result = await verify(at("good"));
    expect(result.findings).toEqual([]);
    expect(result).toMatchObject({ whole: true, counts: {} });
    expect(result.readable).toBe(result.promised);
    expect(result.readable).toBe([...kernel.pfns()].length);
    // The built kernel has its VMCOREINFO in notes only, and images have none.
    if (result.notChecked.length > 0) expect(result.description).toMatch(/LiME/);
    else {
      expect(result.kernelRelease).toBe(kernel.utsname.release);
      expect([result.symbols > 0, result.symbolsFound]).toEqual([true, result.symbols]);
    }
  });

  test("what we write, and it is the original's", async () => {
    for (const format of ["kdump", "elf"] as const) {
      const filtered = await filterFile(at("elf"), at("out"), { format, workers: threads });
      const result = await verify(at("out"), { against: at("elf") });
      expect([format, result.findings]).toEqual([format, []]);
      const { kept, zero } = filtered.classes;
      const there = format === "kdump" ? kept + zero : kept;
      expect([result.readable, result.zeros]).toEqual([there, there - kept]);
      expect(result.comparison).toMatchObject({ same: there, different: 0, unknown: 0 });
      expect(result.comparison?.missing).toBe(filtered.inputPages - there);
      expect(result.comparison?.classes).toMatchObject({
        user: filtered.classes.user,
        cache: filtered.classes.cache,
        free: filtered.classes.free,
        kept: 0,
      });
    }
  });
});

describe("damage of a kdump file:", () => {
  const total = pages.length;
  const page = (i: number) => own[i] as (typeof own)[number];

  test.each([
    ["bits of status that mean nothing", { header: 1 }, (b: Buffer) => b.writeUInt32LE(0x141, 424)],
    ["its writer's mark", { incomplete: 1 }, (b: Buffer) => b.writeUInt32LE(9, 424)],
    [
      "pages that the first bitmap lacks",
      { bitmap: 2 },
      (b: Buffer) => b.writeUInt8((b[bitmapAt + 12] as number) & 0xfc, bitmapAt + 12),
    ],
    ["bits beyond the last page", { bitmap: 8 }, (b: Buffer) => b.writeUInt8(0xff, bitmapAt + half - 1)],
    ["descriptors never filled in", { "missing-page": 2 }, (b: Buffer) => b.fill(0, page(5).at, page(5).at + 48)],
    ["flags that no writer uses", { descriptor: 1 }, (b: Buffer) => b.writeUInt32LE(3, page(9).at + 12)],
    ["a size of 0", { descriptor: 1 }, (b: Buffer) => b.writeUInt32LE(0, page(9).at + 8)],
    ["an offset within the headers", { descriptor: 1 }, (b: Buffer) => b.writeBigInt64LE(100n, page(9).at)],
    ["an offset beyond the end", { "missing-page": 1 }, (b: Buffer) => b.writeBigInt64LE(1n << 50n, page(9).at)],
    [
      "bytes that are another page's as well",
      { overlap: 1, "bad-page": 1 },
      (b: Buffer) => b.writeBigInt64LE(BigInt(page(8).offset + 1), page(9).at),
    ],
    [
      "data that do not decode",
      { "bad-page": 3 },
      (b: Buffer) => {
        for (const i of [20, 21, 400]) b.fill(0x55, page(i).offset + 2, page(i).offset + page(i).size);
      },
    ],
    ["notes outside of their place", { note: 1, "cut-off": 0 }, (b: Buffer) => b.writeBigInt64LE(1n << 40n, 4096 + 32)],
  ] as const)("%s", async (_, counts, change) => {
    const result = await damaged((bytes) => {
      change(bytes);
      return undefined;
    });
    const { "cut-off": _cut, ...expected } = counts as Record<string, number>;
    expect(result.counts).toMatchObject(expected);
    expect(result.whole).toBe(false);
    const lost = ["missing-page", "descriptor", "bad-page"].reduce((sum, kind) => sum + (expected[kind] ?? 0), 0);
    expect([result.promised, result.readable]).toEqual([total, total - lost]);
    expect(result.findings.every((one) => one.message !== "" && !one.message.includes("\n"))).toBe(true);
  });

  test("cut off: how many pages are left", async () => {
    const length = page(middle).offset + 1;
    const result = await damaged((bytes) => bytes.subarray(0, length));
    const there = pages.filter(({ offset, size }) => offset + size <= length).length;
    expect([result.promised, result.readable, result.counts["missing-page"]]).toEqual([total, there, total - there]);
    expect(result.findings.find(({ kind }) => kind === "missing-page")).toMatchObject({
      pfn: page(middle).pfn,
      offset: page(middle).at,
    });
  });

  test("headers only, and unusable headers", async () => {
    const head = await damaged((bytes) => bytes.subarray(0, 9000));
    expect(head).toMatchObject({ whole: false, readable: 0, counts: { "cut-off": 1 } });
    const none = await damaged((bytes) => bytes.fill(0xff, 400, 464));
    expect(none).toMatchObject({ whole: false, readable: 0, description: undefined, counts: { header: 1 } });
  });

  test("the first findings of a kind, and the count of all", async () => {
    const bytes = Buffer.from(kdump);
    for (let i = 100; i < 160; i++) bytes.writeUInt32LE(3, page(i).at + 12);
    writeFileSync(at("many"), bytes);
    const result = await verify(at("many"), { maxFindings: 4 });
    expect([result.findings.length, result.counts]).toEqual([4, { descriptor: 60 }]);
  });
});

describe("damage of the kernel and its description:", () => {
  const withInfo = (text: string) => toElf({ ...kernel, vmcoreinfo: "", notes: [vmcoreinfoNote(text)] });

  test.each([
    ["another release", { kernel: 1 }, (t: string) => t.replace(/OSRELEASE=.*/, "OSRELEASE=9.9.9-other")],
    ["lines of no form", { vmcoreinfo: 1 }, (t: string) => `${t}what is this\n`],
    [
      "page tables that are not there",
      { kernel: 1 },
      (t: string) =>
        t
          .replace(/(SYMBOL\(init_top_pgt\)=).*/, "$1ffffffff81000000")
          .replace(/(SYMBOL\(swapper_pg_dir\)=).*/, "$1ffffffff81000000")
          .replace(/(SYMBOL\(init_uts_ns\)=).*/, "$1ffffffff81000000"),
    ],
    ["a symbol that leads nowhere", { symbol: 1 }, (t: string) => `${t}SYMBOL(nowhere)=ffffffffff000000\n`],
  ] as const)("%s", async (_, counts, change) => {
    writeDump(at("damaged"), withInfo(change(kernel.vmcoreinfo)));
    const result = await verify(at("damaged"));
    expect(result.counts).toEqual(counts);
  });

  test("a symbol in what was cut off: its memory is not zeros, but missing", async () => {
    const last = kernel.directMap + BigInt(24 * MiB - 4096);
    const whole = withInfo(`${kernel.vmcoreinfo}SYMBOL(last_page)=${last.toString(16)}\n`);
    writeDump(at("damaged"), whole);
    expect((await verify(at("damaged"))).counts).toEqual({});
    writeDump(at("damaged"), whole.subarray(0, whole.length - 10 * 4096));
    const { counts, symbols, symbolsFound } = await verify(at("damaged"));
    expect(counts).toMatchObject({ "cut-off": 1, symbol: 1 });
    expect(symbolsFound).toBe(symbols - 1);
  });

  test("no VMCOREINFO anywhere is no damage, but said", async () => {
    writeFileSync(at("bare"), buildElf({ notes: [], loads: [{ paddr: 0, data: new Uint8Array(8192).fill(7) }] }));
    const result = await verify(at("bare"));
    expect([result.whole, result.notChecked]).toEqual([true, [expect.stringContaining("no VMCOREINFO")]]);
  });
});

describe("damage of an ELF file:", () => {
  const bytesOf = (byte: number) => new Uint8Array(8192).fill(byte);

  test("a dump without a page is not whole, however well formed", async () => {
    const loads = [{ paddr: 0x10000, data: new Uint8Array(0), memsz: MiB, vaddr: 0xffffffff81000000n }];
    writeFileSync(at("empty"), buildElf({ notes: [], loads }));
    const result = await verify(at("empty"));
    expect(result).toMatchObject({ whole: false, promised: 0, counts: { "missing-page": 1 } });
    expect(result.findings[0]?.message).toBe("it has no page of memory");
  });

  test("segments with different bytes for the same memory", async () => {
    const build = (other: number) =>
      buildElf({
        notes: [],
        loads: [
          { paddr: 0x10000, data: bytesOf(1), vaddr: 0xffffffff81000000n },
          { paddr: 0x10000, data: bytesOf(other), vaddr: 0xffff888000010000n },
        ],
      });
    writeFileSync(at("same"), build(1));
    expect((await verify(at("same"))).counts).toEqual({});
    writeFileSync(at("different"), build(2));
    expect(await verify(at("different"))).toMatchObject({ counts: { overlap: 1 }, findings: [{ pfn: 16 }] });
  });

  test("cut off", async () => {
    writeDump(at("cut"), elf.subarray(0, elf.length - 10 * 4096 + 5));
    const result = await verify(at("cut"));
    expect(result.counts).toMatchObject({ "cut-off": 1, "missing-page": 10 });
    expect(result.promised - result.readable).toBe(10);
  });
});

describe("against the original:", () => {
  test("an original without VMCOREINFO, whose run was told one: the dump's own tells why pages are missing", async () => {
    writeElf(at("bare"), kernel, { notes: [] });
    await filterFile(at("elf"), at("filtered"), { level: 31 });
    const { comparison, findings } = await verifyDump(at("filtered"), { against: at("bare"), workers: threads });
    expect([findings, comparison?.missing]).toEqual([[], 16]);
  });

  test("pages that differ, that it does not have, and that are missing without a reason", async () => {
    const run = await filterFile(at("elf"), at("small"), { level: 31, workers: threads });
    expect(run.classes.user).toBe(8);
    // The original with other bytes in three kept pages, and without the last MiB of its memory.
    const changed = Buffer.from(toElf(kernel, { style: "qemu" }));
    const small = openKdump(at("small"));
    const kept = [...bitmapPfns(small.bitmap2)];
    small.close();
    const memoryAt = changed.length - 24 * MiB;
    const wrong = kept.filter((pfn) => pfn > 300 && pfn < 400).slice(0, 3);
    for (const pfn of wrong)
      changed.writeUInt8((changed[memoryAt + pfn * 4096 + 77] as number) ^ 1, memoryAt + pfn * 4096 + 77);
    writeDump(at("changed"), changed);
    const result = await verify(at("small"), { against: at("changed") });
    expect(result.counts).toEqual({ "different-page": 3 });
    expect(result.findings.map(({ pfn }) => pfn)).toEqual(wrong);
    expect(result.comparison).toMatchObject({ different: 3, same: kept.length - 3 });
    // The other way round: the original against its small copy.
    const back = await verify(at("elf"), { against: at("small") });
    expect(back.counts).toEqual({ "unknown-page": run.inputPages - kept.length });
    // A level 0 dump from which pages were lost.
    writeFileSync(at("cut"), kdump.subarray(0, (own[middle] as { offset: number }).offset));
    await filterFile(at("cut"), at("rescued"), { level: 0, workers: threads, open: { salvage: true } });
    const rescued = await verify(at("rescued"), { against: at("elf") });
    const lost = pages.filter(({ offset, size }) => offset + size > (own[middle] as { offset: number }).offset).length;
    expect(rescued.counts).toMatchObject({ incomplete: 1, "lost-page": lost });
  });

  test("an original of other pages is refused", async () => {
    writeFileSync(
      at("arm"),
      buildElf({
        machine: 183,
        notes: [vmcoreinfoNote("PAGESIZE=65536\n")],
        loads: [{ paddr: 0, data: new Uint8Array(65536) }],
      }),
    );
    expect(await failureOfAsync(() => verify(at("kdump"), { against: at("arm") }))).toMatchObject({
      code: "BAD_OPTION",
    });
  });
});

describeWithDumps("real dumps", () => {
  test.each(["tiny-x86-6.1", "tiny-arm64-6.12-64k-va52", "tiny-s390x-6.12"])(
    "%s, QEMU's two forms of it, one against the other",
    async (name) => {
      const { vmcore, flat } = await realDump(name);
      const result = await verify(flat as string, { against: vmcore });
      expect([name, result.findings, result.notChecked]).toEqual([name, [], []]);
      expect(result.comparison).toMatchObject({ different: 0, missing: 0, unknown: 0 });
    },
  );

  test.each([...realDumps, ...furtherDumps])("$name: an ELF file of it without pages of zeros", async ({ name }) => {
    const { vmcore } = await realDump(name);
    await filterFile(vmcore, at("without-zeros"), { format: "elf", level: 1, workers: threads });
    const { findings, symbols, symbolsFound } = await verify(at("without-zeros"));
    expect({ findings, symbolsFound }).toEqual({ findings: [], symbolsFound: symbols });
  });
});
