import { firstIndex } from "../sorted.js";
import { nextRun, type PageBitmap, runsFrom } from "./bitmap.js";
import type { Extents } from "./extents.js";
import type { PhysicalRange } from "./physical-memory.js";

/** The ranges that extents cover, neighbours joined. */
export function joinRanges(extents: Extents): PhysicalRange[] {
  const ranges: { start: number; end: number }[] = [];
  for (let i = 0; i < extents.count; i++) {
    const start = extents.start[i] as number;
    const last = ranges.at(-1);
    if (last !== undefined && last.end === start) last.end = extents.end[i] as number;
    else ranges.push({ start, end: extents.end[i] as number });
  }
  return ranges;
}

/** The ranges of a bitmap's set bits, at most `most` of them. Bit 0 stands for the page `first`. */
export function bitmapRanges(
  bitmap: PageBitmap,
  pages: number,
  pageSize: number,
  first = 0,
  most = Number.POSITIVE_INFINITY,
): PhysicalRange[] {
  const ranges: PhysicalRange[] = [];
  for (const run = runsFrom(0); ranges.length < most && nextRun(bitmap, run, pages); )
    ranges.push({ start: (first + run.start) * pageSize, end: (first + run.end) * pageSize });
  return ranges;
}

/** The parts of [start, end) that lie in `ranges`, which must be ascending and disjoint. */
export function partsIn(ranges: readonly PhysicalRange[], { start, end }: PhysicalRange): PhysicalRange[] {
  const parts: PhysicalRange[] = [];
  for (let i = firstIndex(ranges.length, (at) => (ranges[at] as PhysicalRange).end > start); i < ranges.length; i++) {
    const range = ranges[i] as PhysicalRange;
    if (range.start >= end) break;
    parts.push({ start: Math.max(start, range.start), end: Math.min(end, range.end) });
  }
  return parts;
}
