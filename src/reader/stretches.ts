import { type Extents, findExtent, toExtents } from "./extents.js";

/**
 * Where a machine has pages: stretches [start, end) of page frame numbers, far from each other. What is held for each page (bits,
 * bytes) is held for the pages of the stretches only, one stretch behind the other: `source` is the place of a stretch's first
 * page there. So memory far from all other (a node at 64 TiB, firmware at 60 TiB) costs what it is, in memory and in time, and no
 * loop ever comes by what lies between.
 */
export type Stretches = Extents;

/** Stretches begin and end at multiples of so many pages, 16 KiB of a bitmap: a task of pass 1 lies in one of them. */
export const STRETCH_STEP = 2 ** 17;
/** Shorter gaps (4 GiB of 4 KiB pages) are taken in, for 128 KiB of a bitmap each: so most machines have one stretch. */
const LEAST_GAP = 2 ** 20;

/** Pages [start, end). */
interface Pages {
  readonly start: number;
  readonly end: number;
}

/** The stretches that have all of these pages. Short gaps before the first page and behind the last of `count` belong to them. */
export function stretchesOver(ranges: readonly Pages[], count: number): Stretches {
  const joined: { start: number; end: number }[] = [];
  const sorted = ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
  for (const range of sorted) {
    const start = Math.floor(range.start / STRETCH_STEP) * STRETCH_STEP;
    const end = Math.ceil(range.end / STRETCH_STEP) * STRETCH_STEP;
    const last = joined.at(-1);
    if (last !== undefined && start - last.end < LEAST_GAP) last.end = Math.max(last.end, end);
    else joined.push({ start: joined.length === 0 && start < LEAST_GAP ? 0 : start, end });
  }
  const last = joined.at(-1);
  if (last !== undefined && count > last.end && count - last.end < LEAST_GAP) {
    last.end = Math.ceil(count / STRETCH_STEP) * STRETCH_STEP;
  }
  let place = 0;
  return toExtents(
    joined.map(({ start, end }) => {
      const source = place;
      place += end - start;
      return { start, end, source };
    }),
  );
}

/** The stretches of both, of `count` pages in all. */
export function joinStretches(a: Stretches, b: Stretches, count: number): Stretches {
  const rangesOf = ({ start, end }: Stretches) =>
    Array.from(start, (first, i) => ({ start: first, end: end[i] as number }));
  return stretchesOver([...rangesOf(a), ...rangesOf(b)], count);
}

/** Pages of all stretches. */
export function placesIn({ count, end, start, source }: Stretches): number {
  if (count === 0) return 0;
  return (source[count - 1] as number) + (end[count - 1] as number) - (start[count - 1] as number);
}

/** Index of the stretch that holds `pfn`, or of the first one behind it. Most dumps have one. */
export function stretchAt(stretches: Stretches, pfn: number): number {
  if (stretches.count === 1) return pfn < (stretches.end[0] as number) ? 0 : 1;
  return findExtent(stretches, pfn);
}

/** The place of a page; of one between the stretches, that of the next page behind it. */
export function bitPlaceOf(stretches: Stretches, pfn: number): number {
  const i = stretchAt(stretches, pfn);
  if (i === stretches.count) return placesIn(stretches);
  return (stretches.source[i] as number) + Math.max(0, pfn - (stretches.start[i] as number));
}

/** The page at a place. */
export function pageAt({ count, start, source }: Stretches, place: number): number {
  let i = count - 1;
  while (i > 0 && (source[i] as number) > place) i--;
  return (start[i] as number) + place - (source[i] as number);
}
