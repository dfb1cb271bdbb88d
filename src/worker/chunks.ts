import type { PageBitmap } from "../reader/bitmap.js";
import { BITS_OF_BYTE } from "../reader/bits.js";
import type { PfnRange } from "../reader/pfn-range.js";

/**
 * Cuts the pages [0, maxMapnr) into ranges with at most `pages` kept pages each, at multiples of 8, and skips stretches
 * without kept pages. The ranges depend on the bitmap alone, so they are the same for any number of workers. Takes 1 ns
 * per 8 pages that have a place.
 */
export function* keptRanges(kept: PageBitmap, maxMapnr: number, pages: number): Generator<PfnRange, void, undefined> {
  const { stretches, bytes } = kept;
  let start = 0;
  let end = 0;
  let count = 0;
  for (let k = 0; k < stretches.count; k++) {
    const shift = ((stretches.start[k] as number) - (stretches.source[k] as number)) / 8;
    const last = (Math.min(maxMapnr, stretches.end[k] as number) + 7) / 8 - shift;
    for (let i = (stretches.source[k] as number) / 8; i < Math.floor(last); i++) {
      const bits = bytes[i] as number;
      if (bits === 0) continue;
      const more = BITS_OF_BYTE[bits] as number;
      const at = (i + shift) * 8;
      if (count === 0) start = at;
      else if (count + more > pages) {
        yield { startPfn: start, endPfn: at };
        start = at;
        count = 0;
      }
      count += more;
    }
    end = Math.max(end, Math.min(maxMapnr, stretches.end[k] as number));
  }
  if (count > 0) yield { startPfn: start, endPfn: end };
}

/**
 * Cuts the pages below `maxMapnr` that have a place in a bitmap into ranges of `pages` pages, which must divide
 * STRETCH_STEP or be a multiple of it.
 */
export function* evenRanges(
  { stretches }: PageBitmap,
  maxMapnr: number,
  pages: number,
): Generator<PfnRange, void, undefined> {
  for (let i = 0; i < stretches.count; i++) {
    const end = Math.min(maxMapnr, stretches.end[i] as number);
    for (let start = stretches.start[i] as number; start < end; start += pages) {
      yield { startPfn: start, endPfn: Math.min(start + pages, end) };
    }
  }
}
