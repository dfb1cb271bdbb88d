/** Damaged and cut-off dumps with `salvage`: every page that is there, no other, and an output that says it is incomplete. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { compareElfWithElf, compareKdumpWithElf, isRight } from "../support/compare-pages.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { bitmapPfns } from "../support/golden.js";
import { buildKdumpSplit } from "../support/kdump-image.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { failureOf, failureOfAsync } from "../support/open.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";
import { buildAvml, buildLime } from "../support/raw-image.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [
    { pfn: 64, kind: "anon", count: 8 },
    { pfn: 200, kind: "slab", count: 8 },
  ],
});
const original = toElf(kernel, { style: "qemu" });
writeDump(at("original"), original);
const kdump = toKdump(kernel, { codec: (pfn) => (pfn % 3 === 0 ? "raw" : "zlib") });
writeFileSync(at("kdump"), kdump);
const STATUS_INCOMPLETE = 8;

/** What the plain second reader finds in the whole file: where each page's descriptor and data are. */
const pagesOfKdump = (() => {
  const file = openKdump(at("kdump"));
  const found = [...bitmapPfns(file.bitmap2)].map((pfn, index) => ({
    pfn,
    descriptor: file.descriptorsAt + 24 * index,
    ...file.descriptor(index),
  }));
  file.close();
  return found;
})();
const pageData = Math.min(...pagesOfKdump.map(({ offset }) => offset));

/** Filters with `salvage` and returns the pfns of the output, after a look at its bytes and its mark. */
async function salvage(input: string | readonly string[], options: { level?: number; format?: "kdump" | "elf" } = {}) {
  const warnings = new Warnings();
  const output = at("salvaged");
  const { level = 0, format = "kdump" } = options;
  const result = await filterFile(input, output, { level, format, warnings, open: { salvage: true } });
  expect(result.incomplete).toBe(true);
  let pfns: number[];
  if (format === "elf") {
    const file = openElf(output);
    expect(file.flags).toBe(1);
    pfns = [...file.pfns(4096)];
    file.close();
    expect(isRight(compareElfWithElf(output, at("original"), pfns, 4096))).toBe(true);
  } else {
    const file = openKdump(output);
    expect(file.facts.status & STATUS_INCOMPLETE).toBe(STATUS_INCOMPLETE);
    pfns = [...bitmapPfns(file.bitmap2)];
    file.close();
    expect(compareKdumpWithElf(output, at("original"))).toMatchObject({
      different: [],
      unknown: [],
      same: pfns.length,
    });
  }
  const count = (code: string) => warnings.list.find((warning) => warning.code === code)?.count ?? 0;
  // What came out is a whole dump: nothing needs salvaging any more.
  openDump(output, new Warnings()).close();
  return { result, pfns, missing: count("MISSING_PAGES"), bad: count("BAD_PAGES") };
}

describe("kdump-compressed", () => {
  const total = pagesOfKdump.length;
  test.each([
    ["after the last descriptor", pageData],
    ["within the page data", pageData + 100_000],
    ["shortly before the end", kdump.length - 1],
    ["within the descriptors", pageData - 24 * 100 - 7],
  ])("cut off %s", async (_, length) => {
    writeFileSync(at("cut"), kdump.subarray(0, length));
    const expected = pagesOfKdump
      .filter((page) => page.descriptor + 24 <= length && page.offset + page.size <= length)
      .map(({ pfn }) => pfn);
    const error = await failureOfAsync(() => filterFile(at("cut"), at("out"), { level: 0 }));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("`salvage: true`") });
    if (expected.length === 0) {
      expect(await failureOfAsync(() => salvage(at("cut")))).toMatchObject({
        code: "TRUNCATED",
        message: expect.stringContaining("no page"),
      });
      return;
    }
    const { pfns, missing } = await salvage(at("cut"));
    expect(pfns).toEqual(expected);
    expect(missing).toBe(total - expected.length);
  });

  test("where the kernel's own tables are there, level 31 works: what is lost is lost from what it keeps", async () => {
    const bytes = kdump.slice();
    const lost = new Set([64, 65, 200, 201]);
    for (const { pfn, descriptor } of pagesOfKdump) if (lost.has(pfn)) bytes.fill(0, descriptor, descriptor + 24);
    writeFileSync(at("cut"), bytes);
    const whole = await filterFile(at("kdump"), at("whole"));
    const file = openKdump(at("whole"));
    const kept = [...bitmapPfns(file.bitmap2)];
    file.close();
    expect([kept.includes(64), kept.includes(200)]).toEqual([false, true]);
    const { pfns, result, missing } = await salvage(at("cut"), { level: 31 });
    expect(pfns).toEqual(kept.filter((pfn) => !lost.has(pfn)));
    expect([result.kernelRelease, missing]).toEqual([whole.kernelRelease, 4]);
  });

  test("descriptors that were never filled in: offset 0 and size 0, and no mark of it", async () => {
    const bytes = kdump.slice();
    const gone = pagesOfKdump.slice(200, 300);
    for (const { descriptor } of gone) bytes.fill(0, descriptor, descriptor + 24);
    writeFileSync(at("died"), bytes);
    const error = await failureOfAsync(() => filterFile(at("died"), at("out"), { level: 0 }));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("`salvage: true`") });
    const { pfns, missing } = await salvage(at("died"));
    const lost = new Set(gone.map(({ pfn }) => pfn));
    expect([pfns, missing]).toEqual([pagesOfKdump.map(({ pfn }) => pfn).filter((pfn) => !lost.has(pfn)), 100]);
  });

  test.each(["kdump", "elf"] as const)("pages that do not decode are left out of %s output", async (format) => {
    const bytes = kdump.slice();
    const bad = pagesOfKdump.filter(({ flags }) => flags === 1).slice(50, 55);
    for (const { offset, size } of bad) bytes.fill(0x55, offset + 2, offset + size);
    writeFileSync(at("bad"), bytes);
    expect(await failureOfAsync(() => filterFile(at("bad"), at("out"), { level: 0 }))).toMatchObject({
      code: "CORRUPT",
    });
    const { pfns, bad: count, result } = await salvage(at("bad"), { format });
    expect([count, result.unreadable]).toEqual([5, 5]);
    const lost = new Set(bad.map(({ pfn }) => pfn));
    expect(pfns).toEqual(pagesOfKdump.map(({ pfn }) => pfn).filter((pfn) => !lost.has(pfn)));
    const sum = Object.values(result.classes).reduce((a, b) => a + b, 0);
    expect(sum + result.unreadable).toBe(result.inputPages);
  });

  test("descriptors that lead nowhere are counted", async () => {
    const bytes = Buffer.from(kdump);
    const [a, b, c] = pagesOfKdump.slice(10, 13);
    bytes.writeUInt32LE(0x40, (a as { descriptor: number }).descriptor + 12);
    bytes.writeBigInt64LE(-1n, (b as { descriptor: number }).descriptor);
    bytes.writeUInt32LE(5000, (c as { descriptor: number }).descriptor + 8);
    writeFileSync(at("nowhere"), bytes);
    const { pfns, bad, missing } = await salvage(at("nowhere"));
    expect([pfns.length, bad, missing]).toEqual([total - 3, 3, 0]);
  });

  test.each([5000, 12_000])("%i bytes of headers: nothing to write, but info", async (length) => {
    writeFileSync(at("head"), kdump.subarray(0, length));
    const error = await failureOfAsync(() => filterFile(at("head"), at("out"), { level: 1, open: { salvage: true } }));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("no page of its memory") });
    const warnings = new Warnings();
    const dump = openDump(at("head"), warnings, { salvage: true });
    expect([dump.header.utsname?.release, dump.header.incomplete]).toEqual([kernel.utsname.release, true]);
    expect(warnings.list.map(({ code }) => code)).toContain("CUT_OFF");
    dump.close();
  });

  test("a split set of which a file is missing", async () => {
    const pages = new Map(
      [...kernel.pfns()].map((pfn) => [pfn, { codec: "zlib" as const, data: kernel.memory.read(pfn * 4096, 4096) }]),
    );
    const max = Math.max(...pages.keys()) + 1;
    const parts = buildKdumpSplit({ pages, vmcoreinfo: kernel.vmcoreinfo, maxMapnr: max }, [0, 1024, 2048, max]);
    const names = parts.map((bytes, i) => {
      writeFileSync(at(`part${i}`), bytes);
      return at(`part${i}`);
    });
    const two = [names[0] as string, names[2] as string];
    expect(failureOf(() => openDump(two))).toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining("`salvage: true`"),
    });
    const { pfns, missing } = await salvage(two);
    const lost = [...pages.keys()].filter((pfn) => pfn >= 1024 && pfn < 2048);
    expect([pfns, missing]).toEqual([[...pages.keys()].filter((pfn) => !lost.includes(pfn)), lost.length]);
  });
});

describe("ELF", () => {
  const file = openElf(at("original"));
  const loads = file.segments.filter(({ type }) => type === 1);
  const all = [...file.pfns(4096)];
  file.close();
  const offsetOf = (pfn: number) => {
    const load = loads.find(
      (one) => pfn * 4096 >= one.physicalAddress && pfn * 4096 < one.physicalAddress + one.fileSize,
    );
    return (load?.offset ?? 0) + pfn * 4096 - (load?.physicalAddress ?? 0);
  };

  test.each([
    ["kdump", 5_000_000],
    ["elf", 5_000_000],
    ["kdump", original.length - 1],
  ] as const)("to %s, cut off at %i", async (format, length) => {
    writeDump(at("cut"), original.subarray(0, length));
    const error = failureOf(() => openDump(at("cut")));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("`salvage: true`") });
    const expected = all.filter((pfn) => offsetOf(pfn) + 4096 <= length);
    const { pfns, missing } = await salvage(at("cut"), { format });
    expect([pfns, missing]).toEqual([expected, all.length - expected.length]);
  });

  test("within its notes, within its program headers", () => {
    for (const length of [300, 130]) {
      writeDump(at("cut"), original.subarray(0, length));
      const run = () => openDump(at("cut"), new Warnings(), { salvage: true }).close();
      if (length > 200) run();
      else expect(failureOf(run).code).toMatch(/NOT_A_DUMP|TRUNCATED/);
    }
  });
});

describe("streams and images", () => {
  const elfFlat = flatten(original, { recordSize: 100_000 });
  const kdumpFlat = flatten(kdump, { recordSize: 65_536 });

  test.each([
    ["kdump, within a record", kdumpFlat, kdumpFlat.length - 150_000],
    ["kdump, at the end marker", kdumpFlat, kdumpFlat.length - 3],
    ["kdump, within a record's header", kdumpFlat, 4096 + (65_536 + 16) * 12 + 7],
    ["ELF", elfFlat, 6_000_000],
  ])("flattened %s", async (_, bytes, length) => {
    writeFileSync(at("cut"), bytes.subarray(0, length));
    const error = failureOf(() => openDump(at("cut")));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("`salvage: true`") });
    // What is there of the inner file, by arithmetic: records of one size in order.
    const size = bytes === elfFlat ? 100_000 : 65_536;
    const rest = length - 4096;
    const whole = Math.floor(rest / (size + 16));
    const inner = Math.min(
      whole * size + Math.max(0, (rest % (size + 16)) - 16),
      bytes === elfFlat ? original.length : kdump.length,
    );
    const { pfns } = await salvage(at("cut"));
    writeFileSync(at("inner"), (bytes === elfFlat ? original : kdump).subarray(0, inner));
    if (inner === kdump.length) expect(pfns).toEqual(pagesOfKdump.map(({ pfn }) => pfn));
    else expect(pfns).toEqual((await salvage(at("inner"))).pfns);
  });

  test("a stream whose records lie about: page data that never came is not taken for zeros", async () => {
    const bytes = flatten(kdump, { recordSize: 8192, order: "shuffled", seed: 3 });
    // The headers' records first, so that the dump can be opened at all.
    const records: Uint8Array[] = [];
    for (let position = 4096; position + 16 < bytes.length; ) {
      const length = Number(Buffer.from(bytes).readBigInt64BE(position + 8));
      records.push(bytes.subarray(position, position + 16 + length));
      position += 16 + length;
    }
    const target = (record: Uint8Array) => Number(Buffer.from(record).readBigInt64BE(0));
    const head = records.filter((record) => target(record) < pageData);
    const data = records.filter((record) => target(record) >= pageData);
    writeFileSync(at("cut"), Buffer.concat([bytes.subarray(0, 4096), ...head, ...data.slice(0, data.length / 2)]));
    const { pfns, missing } = await salvage(at("cut"));
    expect(pfns.length + missing).toBe(pagesOfKdump.length);
    expect(missing).toBeGreaterThan(100);
  });

  const pieces = [{ start: 0, data: kernel.memory.read(0, 8 * MiB) }];
  test.each([
    ["LiME", buildLime(pieces)],
    ["AVML", buildAvml(pieces)],
  ])("%s", async (_, bytes) => {
    writeFileSync(at("cut"), bytes.subarray(0, Math.floor(bytes.length / 2)));
    const error = failureOf(() => openDump(at("cut")));
    expect(error).toMatchObject({ code: "TRUNCATED", message: expect.stringContaining("`salvage: true`") });
    const { pfns } = await salvage(at("cut"), { level: 0 });
    expect(pfns.length).toBeGreaterThan(100);
    expect(pfns).toEqual(pfns.map((_pfn, i) => i));
  });
});

test("a whole dump read with salvage gives the same bytes, and no warning of it", async () => {
  const run = (name: string, salvaged: boolean) =>
    filterFile(at("kdump"), at(name), { codec: "zlib", open: { salvage: salvaged } });
  await run("strict", false);
  const result = await run("tolerant", true);
  expect(readFileSync(at("tolerant")).equals(readFileSync(at("strict")))).toBe(true);
  expect([result.incomplete, result.warnings.map(({ code }) => code)]).toEqual([false, []]);
});

test("salvaged --strict: each loss is an error", () => {
  writeFileSync(at("cut"), kdump.subarray(0, kdump.length - 10));
  expect(failureOf(() => openDump(at("cut"), new Warnings({ strict: true }), { salvage: true })).code).toBe("STRICT");
});
