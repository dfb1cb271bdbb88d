import { findBit, type PageBitmap } from "../reader/bitmap.js";
import { MAX_RANGES, RANGE_HEADER_SIZE } from "../reader/raw/lime.js";
import type { DumpFacts } from "./dump-facts.js";
import { findIslands, firstIsland, type Islands } from "./islands.js";

/**
 * Where everything lies in an image of memory. LiME: a header before each run of kept pages, dropped pages are nowhere. Bare memory: each page at its
 * physical address, and what is between them is a hole that reads as zeros. Pages of zeros are holes in both. Plain data, known before a byte
 * is written; offsets and sizes in bytes of the file.
 */
export interface MemoryLayout {
  readonly format: "lime" | "raw";
  readonly pageSize: number;
  /** Of LiME's headers, which are in the machine's own byte order. */
  readonly littleEndian: boolean;
  /** Ranges of pages; `offset` is where the bytes of each begin in the file. */
  readonly ranges: Islands;
  /** Bytes before those of each range. */
  readonly headerSize: number;
  /** The file's length. */
  readonly mostBytes: number;
}

/** What of an image of memory its facts and pages do not tell. */
export interface MemoryShape {
  readonly format: "lime" | "raw";
  /** Where the machine's memory ends, in bytes: bare memory is as long, whatever was dropped at its end. */
  readonly end: number;
}

/** Goes twice through all runs of kept pages. */
export function memoryLayout({ format, end }: MemoryShape, facts: DumpFacts, kept: PageBitmap): MemoryLayout {
  const { pageSize, maxMapnr } = facts;
  const { littleEndian } = facts.machine;
  // A range each: what is missing must not become zeros. Beyond what readers take the shortest gaps do.
  const islands = findIslands(kept, maxMapnr, pageSize, { comfortable: MAX_RANGES, limit: MAX_RANGES });
  const same = { format, pageSize, littleEndian };
  if (format === "raw") {
    const offset = islands.startPfn.map((pfn) => pfn * pageSize);
    return { ...same, ranges: { ...islands, offset }, headerSize: 0, mostBytes: end };
  }
  const headerSize = RANGE_HEADER_SIZE;
  const offset = islands.offset.map((at, i) => at + (i + 1) * headerSize);
  const mostBytes = islands.size + islands.startPfn.length * headerSize;
  return { ...same, ranges: { ...islands, offset }, headerSize, mostBytes };
}

/** Pages [startPfn, endPfn) that lie behind each other, in memory and in the file. */
export interface MemoryRun {
  readonly startPfn: number;
  readonly endPfn: number;
  /** File offset of the first one. */
  readonly offset: number;
  /** The range that they are in. */
  readonly range: number;
}

/** The kept pages in [startPfn, endPfn), ascending. Costs two searches of the bitmap and one of the ranges for each run. */
export function* memoryRuns(
  { ranges, pageSize }: MemoryLayout,
  kept: PageBitmap,
  startPfn: number,
  endPfn: number,
): Generator<MemoryRun> {
  for (let pfn = findBit(kept, startPfn, endPfn, true); pfn < endPfn; ) {
    const end = findBit(kept, pfn, endPfn, false);
    const range = firstIsland(ranges, pfn);
    const at = (ranges.offset[range] as number) + (pfn - (ranges.startPfn[range] as number)) * pageSize;
    yield { startPfn: pfn, endPfn: end, offset: at, range };
    pfn = findBit(kept, end, endPfn, true);
  }
}
