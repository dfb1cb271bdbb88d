import { nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import { MAX_RANGES, RANGE_HEADER_SIZE } from "../reader/raw/lime.js";
import type { DumpFacts } from "./dump-facts.js";
import { findIslands, firstIsland, type Islands } from "./islands.js";

/**
 * Where everything is in an image of memory. LiME: a header before each run of kept pages; dropped pages are not in the
 * file. Bare memory: each page is at its physical address, and gaps are holes that read as zeros. Pages of zeros are
 * holes in both. Plain data, known before a byte is written; offsets and sizes in bytes of the file.
 */
export interface MemoryLayout {
  readonly format: "lime" | "raw";
  readonly pageSize: number;
  /** Byte order of LiME's headers, which is the machine's own. */
  readonly littleEndian: boolean;
  /** Ranges of pages; `offset` is the file offset of each range's bytes. */
  readonly ranges: Islands;
  /** Bytes of the header before each range. */
  readonly headerSize: number;
  /** The file's length. */
  readonly mostBytes: number;
}

/** What an image of memory needs in addition to its facts and pages. */
export interface MemoryShape {
  readonly format: "lime" | "raw";
  /** Where the machine's memory ends, in bytes: bare memory has this length, even if pages at its end were dropped. */
  readonly end: number;
}

/** Walks all runs of kept pages twice. */
export function memoryLayout({ format, end }: MemoryShape, facts: DumpFacts, kept: PageBitmap): MemoryLayout {
  const { pageSize, maxMapnr } = facts;
  const { littleEndian } = facts.machine;
  // Each run gets a range of its own, because missing pages must not become zeros. Only above the readers' limit the
  // shortest gaps become part of ranges.
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

/** Pages [startPfn, endPfn) that are contiguous in memory and in the file. */
export interface MemoryRun {
  readonly startPfn: number;
  readonly endPfn: number;
  /** File offset of the first page. */
  readonly offset: number;
  /** Index of the range that contains them. */
  readonly range: number;
}

/**
 * The kept pages in [startPfn, endPfn), ascending. Costs two searches of the bitmap and one of the ranges for each run.
 */
export function* memoryRuns(
  { ranges, pageSize }: MemoryLayout,
  kept: PageBitmap,
  startPfn: number,
  endPfn: number,
): Generator<MemoryRun> {
  for (const run = runsFrom(startPfn); nextRun(kept, run, endPfn); ) {
    const range = firstIsland(ranges, run.start);
    const at = (ranges.offset[range] as number) + (run.start - (ranges.startPfn[range] as number)) * pageSize;
    yield { startPfn: run.start, endPfn: run.end, offset: at, range };
  }
}
