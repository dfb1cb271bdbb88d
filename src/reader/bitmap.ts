import { sharedBytes } from "../store/shared-bytes.js";
import { clearBitsIn, countBitsIn, findBitIn, setBitsIn, testBitIn } from "./bits.js";
import { toExtents } from "./extents.js";
import { placesIn, type Stretches, stretchAt, stretchesOver } from "./stretches.js";

/**
 * One bit per page, for the pages of some stretches, in shared memory: 32 MiB per TiB of 4 KiB pages that exist,
 * however far apart they are. A page outside of the stretches has no place in the bitmap: its bit is always 0. Plain
 * data that threads share.
 */
export interface PageBitmap {
  readonly stretches: Stretches;
  /** The bit of the page at place n is bit n & 7 of byte n >> 3. `bitPlaceOf` has the place of a pfn. */
  readonly bytes: Uint8Array;
}

/** A bitmap of zeros, for stretches or for the pages [0, where). */
export function sharedBitmap(where: Stretches | number): PageBitmap {
  const stretches = typeof where === "number" ? stretchesOver([{ start: 0, end: where }], where) : where;
  return { stretches, bytes: sharedBytes(placesIn(stretches) / 8) };
}

/** A copy in shared memory. */
export function copyOfBitmap({ stretches, bytes }: PageBitmap): PageBitmap {
  const copy = sharedBitmap(stretches);
  copy.bytes.set(bytes);
  return copy;
}

/**
 * The pages [start, end) of a bitmap as a bitmap of their own, with the same bytes: no other page has a place in it. `start` and `end` must be
 * multiples of 8, unless no page from `end` on has its bit set.
 */
export function partOfBitmap({ stretches, bytes }: PageBitmap, start: number, end: number): PageBitmap {
  const pieces = [];
  for (let i = stretchAt(stretches, start); i < stretches.count && (stretches.start[i] as number) < end; i++) {
    const first = Math.max(start, stretches.start[i] as number);
    const shift = (stretches.source[i] as number) - (stretches.start[i] as number);
    pieces.push({ start: first, end: Math.min(end, stretches.end[i] as number), source: first + shift });
  }
  return { stretches: toExtents(pieces), bytes };
}

/** Copies the bits of the pages that have a place in both bitmaps. */
export function copyBits(from: PageBitmap, to: PageBitmap): void {
  for (let i = 0; i < from.stretches.count; i++) {
    const [start, end] = [from.stretches.start[i] as number, from.stretches.end[i] as number];
    for (let k = stretchAt(to.stretches, start); k < to.stretches.count; k++) {
      const first = Math.max(start, to.stretches.start[k] as number);
      const last = Math.min(end, to.stretches.end[k] as number);
      if (first >= last) break;
      to.bytes.set(bitsOf(from, first, last), shiftOf(to, k, first) / 8);
    }
  }
}

/**
 * The bytes of the pages [start, end), which must begin at a byte of the bitmap; `undefined` if they have no place.
 * Throws if they lie partly in a stretch and partly outside. A range that begins at a multiple of STRETCH_STEP and is
 * not longer than that never does.
 */
export function bytesAt(bitmap: PageBitmap, start: number, end: number): Uint8Array | undefined {
  const { count, start: starts, end: ends } = bitmap.stretches;
  const i = stretchAt(bitmap.stretches, start);
  if (i === count || (starts[i] as number) >= end) return undefined;
  if ((starts[i] as number) > start || (ends[i] as number) < end)
    throw new Error(`pages ${start} to ${end} lie in a stretch and beside it`);
  return bitsOf(bitmap, start, end);
}

function bitsOf(bitmap: PageBitmap, start: number, end: number): Uint8Array {
  const place = shiftOf(bitmap, stretchAt(bitmap.stretches, start), start);
  return bitmap.bytes.subarray(place / 8, Math.ceil((place + end - start) / 8));
}

function shiftOf({ stretches }: PageBitmap, stretch: number, pfn: number): number {
  return pfn - (stretches.start[stretch] as number) + (stretches.source[stretch] as number);
}

export function testBit({ stretches, bytes }: PageBitmap, pfn: number): boolean {
  const i = stretchAt(stretches, pfn);
  if (i === stretches.count || (stretches.start[i] as number) > pfn) return false;
  return testBitIn(bytes, pfn - (stretches.start[i] as number) + (stretches.source[i] as number));
}

/** Sets the bits [start, end), for pages that have a place. */
export function setBits({ stretches, bytes }: PageBitmap, start: number, end: number): void {
  for (let i = stretchAt(stretches, start); i < stretches.count && (stretches.start[i] as number) < end; i++) {
    const shift = (stretches.source[i] as number) - (stretches.start[i] as number);
    const first = Math.max(start, stretches.start[i] as number);
    setBitsIn(bytes, first + shift, Math.min(end, stretches.end[i] as number) + shift);
  }
}

/** Clears the bits [start, end) and returns how many were set. */
export function clearBits({ stretches, bytes }: PageBitmap, start: number, end: number): number {
  let cleared = 0;
  for (let i = stretchAt(stretches, start); i < stretches.count && (stretches.start[i] as number) < end; i++) {
    const shift = (stretches.source[i] as number) - (stretches.start[i] as number);
    const first = Math.max(start, stretches.start[i] as number);
    cleared += clearBitsIn(bytes, first + shift, Math.min(end, stretches.end[i] as number) + shift);
  }
  return cleared;
}

/** How many of the bits [start, end) are set. Takes 0.05 ns per page that has a place. */
export function countBits({ stretches, bytes }: PageBitmap, start: number, end: number): number {
  let count = 0;
  for (let i = stretchAt(stretches, start); i < stretches.count && (stretches.start[i] as number) < end; i++) {
    const shift = (stretches.source[i] as number) - (stretches.start[i] as number);
    const first = Math.max(start, stretches.start[i] as number);
    count += countBitsIn(bytes, first + shift, Math.min(end, stretches.end[i] as number) + shift);
  }
  return count;
}

/** The first pfn in [start, end) whose bit is `value`, or `end`. Takes about 1 ns per 8 pages that have a place. */
export function findBit(bitmap: PageBitmap, start: number, end: number, value: boolean): number {
  const { stretches, bytes } = bitmap;
  const first = stretches.start[0];
  // Most dumps have one stretch.
  if (first === undefined || start < first || end > (stretches.end[0] as number))
    return findInStretches(bitmap, start, end, value);
  const shift = (stretches.source[0] as number) - first;
  return findBitIn(bytes, start + shift, end + shift, value) - shift;
}

/** The same for pages of several stretches, and between them. */
function findInStretches({ stretches, bytes }: PageBitmap, start: number, end: number, value: boolean): number {
  let pfn = start;
  for (let i = stretchAt(stretches, start); i < stretches.count && pfn < end; i++) {
    const first = stretches.start[i] as number;
    if (pfn < first) {
      if (!value) return pfn;
      if (first >= end) return end;
      pfn = first;
    }
    const shift = (stretches.source[i] as number) - first;
    const last = Math.min(end, stretches.end[i] as number);
    pfn = findBitIn(bytes, pfn + shift, last + shift, value) - shift;
    if (pfn < last) return pfn;
  }
  return value ? end : Math.min(pfn, end);
}

/** Pages [start, end) whose bits are set; `nextRun` changes it. */
export interface PageRun {
  start: number;
  end: number;
}

/** A `PageRun` to begin with: the first one that `nextRun` finds is the first from `pfn` on. */
export function runsFrom(pfn: number): PageRun {
  return { start: pfn, end: pfn };
}

/**
 * Makes `run` the next maximal run of set bits below `end`, and returns whether there is one. One call in a loop, and
 * no function that is called back: both make V8 compile more.
 */
export function nextRun(bitmap: PageBitmap, run: PageRun, end: number): boolean {
  const start = findBit(bitmap, run.end, end, true);
  if (start >= end) return false;
  run.start = start;
  run.end = findBit(bitmap, start, end, false);
  return true;
}

/** Calls `run` for each maximal run [start, end) of set bits. */
export function forEachRun(
  bitmap: PageBitmap,
  start: number,
  end: number,
  run: (start: number, end: number) => void,
): void {
  for (const next = runsFrom(start); nextRun(bitmap, next, end); ) run(next.start, next.end);
}
