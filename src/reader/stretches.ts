import { type Extents, findExtent, toExtents } from "./extents.js";

/**
 * Where a machine has pages: stretches [start, end) of pfns, far from each other. Data for each page (bits, bytes) are
 * stored for the pages of the stretches only, one stretch after the other; `source` is the place of a stretch's first
 * page in them. So memory far from all other (a node at 64 TiB, firmware at 60 TiB) takes only the space and time of
 * its own pages, and loops skip what lies between.
 */
export type Stretches = Extents;

/**
 * Stretches begin and end at multiples of this many pages, 16 KiB of a bitmap. So a task of pass 1 lies in one of them.
 */
export const STRETCH_STEP = 2 ** 17;
/**
 * Shorter gaps (4 GiB of 4 KiB pages) become part of a stretch, for 128 KiB of a bitmap each. So most machines have one
 * stretch.
 */
const LEAST_GAP = 2 ** 20;

/** Pages [start, end). */
interface Pages {
  readonly start: number;
  readonly end: number;
}

/**
 * The stretches that contain all of these pages. They also contain short gaps before the first page and behind the last
 * of `count` pages.
 */
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

/** The stretches that contain those of both, for `count` pages in all. */
export function joinStretches(a: Stretches, b: Stretches, count: number): Stretches {
  const rangesOf = ({ start, end }: Stretches) =>
    Array.from(start, (first, i) => ({ start: first, end: end[i] as number }));
  return stretchesOver([...rangesOf(a), ...rangesOf(b)], count);
}

/** Number of pages in all stretches. */
export function placesIn({ count, end, start, source }: Stretches): number {
  if (count === 0) return 0;
  return (source[count - 1] as number) + (end[count - 1] as number) - (start[count - 1] as number);
}

/** Index of the stretch that contains `pfn`, or of the first one after it. Most dumps have one. */
export function stretchAt(stretches: Stretches, pfn: number): number {
  if (stretches.count === 1) return pfn < (stretches.end[0] as number) ? 0 : 1;
  return findExtent(stretches, pfn);
}

/** The place of a page. For a page between stretches it is the place of the next page that has one. */
export function bitPlaceOf(stretches: Stretches, pfn: number): number {
  const i = stretchAt(stretches, pfn);
  if (i === stretches.count) return placesIn(stretches);
  return (stretches.source[i] as number) + Math.max(0, pfn - (stretches.start[i] as number));
}

/** The pfn of the page at a place. */
export function pageAt({ count, start, source }: Stretches, place: number): number {
  let i = count - 1;
  while (i > 0 && (source[i] as number) > place) i--;
  return (start[i] as number) + place - (source[i] as number);
}
