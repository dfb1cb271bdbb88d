/** The layout of images of memory against what the writer wrote, and against what our own and another reader make of it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { createWriter, layoutOf } from "../../src/writer/output-description.js";
import { patternBytes } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { memorySink } from "../support/memory-sink.js";
import { anyFacts, anyRuns, bitmapOfRuns, pfnsOf } from "../support/output-facts.js";

const MOST_PFN = 420;
const PAGE = 4096;
const path = join(temporaryFolder(), "image");
const isZero = (pfn: number) => pfn % 5 === 0;
const content = (pfn: number) => (isZero(pfn) ? Buffer.alloc(PAGE) : patternBytes(`page ${pfn} `, PAGE));

/** Ranges of a LiME file as its module's document describes them (LiME's README, "Format"). */
function limeRanges(file: Buffer, littleEndian: boolean) {
  const ranges: { start: number; end: number; bytes: Buffer }[] = [];
  for (let at = 0; at < file.length; ) {
    const head = file.subarray(at, at + 32);
    const u32 = (offset: number) => (littleEndian ? head.readUInt32LE(offset) : head.readUInt32BE(offset));
    const u64 = (offset: number) => Number(littleEndian ? head.readBigUInt64LE(offset) : head.readBigUInt64BE(offset));
    expect([u32(0), u32(4), head.readBigUInt64LE(24)]).toEqual([0x4c694d45, 1, 0n]);
    const [start, end] = [u64(8), u64(16) + 1];
    ranges.push({ start, end, bytes: file.subarray(at + 32, at + 32 + end - start) });
    at += 32 + end - start;
  }
  return ranges;
}

test.each(["lime", "raw"] as const)("%s: every kept page lies where the layout says", async (format) => {
  await fc.assert(
    fc.asyncProperty(anyFacts(MOST_PFN), anyRuns, async (facts, runs) => {
      const { maxMapnr, machine } = facts;
      const output = { facts, status: 0, elf: undefined, memory: { format, end: maxMapnr * PAGE } };
      const kept = bitmapOfRuns(runs, maxMapnr);
      const pfns = pfnsOf(runs, maxMapnr);
      const layout = layoutOf(output, kept);
      const sink = memorySink();
      const writer = createWriter(output, { exists: kept, kept }, sink);
      await writer.begin();
      // In two calls, as tasks come; pages of zeros have no bytes.
      const border = Math.ceil(maxMapnr / 16) * 8;
      for (const [startPfn, endPfn] of [
        [0, border],
        [border, maxMapnr],
      ] as const) {
        const part = pfns.filter((pfn) => pfn >= startPfn && pfn < endPfn);
        const records = Uint32Array.from(part, (pfn) => (isZero(pfn) ? 0 : PAGE));
        const data = Buffer.concat(part.filter((pfn) => !isZero(pfn)).map(content));
        await writer.add({ startPfn, endPfn, records, hashes: new Uint32Array(0), data });
      }
      const size = await writer.end();
      expect([size, sink.told.atMost, sink.told.ascendingFrom]).toEqual([layout.mostBytes, layout.mostBytes, 0]);
      const file = sink.file(size);
      if (format === "raw") {
        expect(size).toBe(maxMapnr * PAGE);
        const whole = Buffer.alloc(size);
        for (const pfn of pfns) whole.set(content(pfn), pfn * PAGE);
        expect(file.equals(whole)).toBe(true);
        return;
      }
      const found = new Map<number, Buffer>();
      const ranges = limeRanges(file, machine.littleEndian);
      for (const { start, end, bytes } of ranges) {
        for (let at = start; at < end; at += PAGE) found.set(at / PAGE, bytes.subarray(at - start, at - start + PAGE));
      }
      // A dropped page is in no range: it must not become zeros.
      expect([...found.keys()]).toEqual(pfns);
      for (const pfn of pfns) expect(found.get(pfn)?.equals(content(pfn))).toBe(true);
      expect(ranges.every(({ start }, i) => i === 0 || start > (ranges[i - 1]?.end ?? 0))).toBe(true);
      if (pfns.length === 0) return;
      writeFileSync(path, file);
      const dump = openDump(path);
      expect(dump.ranges).toEqual(ranges.map(({ start, end }) => ({ start, end })));
      dump.close();
    }),
    { numRuns: 40 },
  );
});
