/** The layout of kdump files against what the writer wrote, by a reader that shares nothing with it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ZERO_PAGE } from "../../src/page-record.js";
import { descriptorAt, kdumpLayout } from "../../src/writer/kdump-layout.js";
import { createWriter, layoutOf, type OutputDescription } from "../../src/writer/output-description.js";
import { patternBytes } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { memorySink } from "../support/memory-sink.js";
import { openKdump } from "../support/other-kdump.js";
import { anyFacts, anyRuns, bitmapOfRuns, pfnsOf } from "../support/output-facts.js";

const MOST_PFN = 420;
const path = join(temporaryFolder(), "kdump");

function* piecesOf(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** Writes pages that say which they are, with the real writer; every third is a page of zeros where they share one. */
async function write(output: OutputDescription, runs: Parameters<typeof pfnsOf>[0]) {
  const { facts } = output;
  const pfns = pfnsOf(runs, facts.maxMapnr);
  const kept = bitmapOfRuns(runs, facts.maxMapnr);
  const isZero = (pfn: number) => (facts.dumpLevel & 1) === 1 && pfn % 3 === 0;
  const content = (pfn: number) =>
    isZero(pfn) ? new Uint8Array(facts.pageSize) : patternBytes(`page ${pfn} `, facts.pageSize);
  const sink = memorySink();
  // One comes in pieces, as of a plan of shards, the other whole.
  const exists = { stretches: kept.stretches, pieces: () => piecesOf(kept.bytes, 7) };
  const writer = createWriter(output, { exists, kept }, sink);
  await writer.begin();
  // In two calls, as tasks come.
  const middle = pfns.length >> 1;
  for (const part of [pfns.slice(0, middle), pfns.slice(middle)]) {
    await writer.add({
      startPfn: part[0] ?? 0,
      endPfn: (part.at(-1) ?? 0) + 1,
      records: Uint32Array.from(part, (pfn) => (isZero(pfn) ? ZERO_PAGE : facts.pageSize)),
      hashes: new Uint32Array(0),
      data: Buffer.concat(part.filter((pfn) => !isZero(pfn)).map(content)),
    });
  }
  const size = await writer.end();
  return { pfns, kept, isZero, content, size, sink, file: sink.file(size) };
}

test("everything lies where the layout says, and the file is no longer than its most bytes", async () => {
  await fc.assert(
    fc.asyncProperty(anyFacts(MOST_PFN), anyRuns, async (facts, runs) => {
      const output = { facts, status: 0, elf: undefined };
      const { pfns, kept, isZero, content, size, sink, file } = await write(output, runs);
      const layout = layoutOf(output, kept);
      if (layout.format !== "kdump") throw new Error("not a kdump layout");
      expect(layout).toEqual(kdumpLayout(facts, pfns.length));
      expect(sink.told).toEqual({ ascendingFrom: layout.dataAt, atMost: layout.mostBytes });
      // Nothing is compressed here: without pages of zeros it has all that it may have, but for the one to spare.
      const zeros = pfns.filter(isZero).length;
      const spare = layout.zeroPageAt === undefined ? 1 : 0;
      expect(size).toBe(layout.mostBytes - (zeros + spare) * facts.pageSize);

      expect(file.subarray(layout.notesAt, layout.notesAt + facts.noteArea.length).equals(facts.noteArea)).toBe(true);
      writeFileSync(path, file);
      const other = openKdump(path);
      expect(other.facts).toMatchObject({
        blockSize: layout.blockSize,
        subHeaderBlocks: layout.subHeaderBlocks,
        bitmapBlocks: layout.bitmapBlocks,
        maxPfn: layout.bits,
      });
      expect(other.descriptorsAt).toBe(layout.descriptorsAt);
      const bitmapBytes = layout.keptAt - layout.existsAt;
      expect(Buffer.from(other.bitmap1).equals(file.subarray(layout.existsAt, layout.keptAt))).toBe(true);
      expect(Buffer.from(other.bitmap1).equals(other.bitmap2)).toBe(true);
      expect(Buffer.from(other.bitmap2).equals(file.subarray(layout.keptAt, layout.keptAt + bitmapBytes))).toBe(true);

      let next = layout.pagesAt;
      pfns.forEach((pfn, n) => {
        const descriptor = other.descriptor(n);
        // The offset is a descriptor's first member.
        const at = descriptorAt(layout, n);
        const inFile = facts.machine.littleEndian ? file.readBigUInt64LE(at) : file.readBigUInt64BE(at);
        expect(Number(inFile)).toBe(descriptor.offset);
        expect(descriptor.offset).toBe(isZero(pfn) ? layout.zeroPageAt : next);
        if (!isZero(pfn)) next += descriptor.size;
        expect(other.content(descriptor).equals(content(pfn))).toBe(true);
      });
      expect(descriptorAt(layout, pfns.length)).toBe(layout.dataAt);
      other.close();
    }),
    { numRuns: 40 },
  );
});

test("a file that numbers pages from the start of memory on has bits for those alone", () => {
  fc.assert(
    fc.property(anyFacts(MOST_PFN), fc.nat(1 << 20), (facts, pages) => {
      const shifted = { ...facts, firstPfn: 8 * pages, maxMapnr: facts.maxMapnr + 8 * pages };
      expect(kdumpLayout(shifted, 7)).toEqual({ ...kdumpLayout(facts, 7), firstPfn: 8 * pages });
    }),
  );
});
