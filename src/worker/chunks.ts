import { BITS_OF_BYTE } from "../reader/bitmap.js";

/** Pages [startPfn, endPfn). */
export interface PfnRange {
  readonly startPfn: number;
  readonly endPfn: number;
}

/**
 * Cuts the pages [0, maxMapnr) into ranges with at most `pages` kept pages each, at borders that are multiples of 8, and
 * leaves out stretches without any. The ranges depend on the bitmap alone, so every number of workers gets the same.
 * Costs 1 ns per 8 pages.
 */
export function* keptRanges(kept: Uint8Array, maxMapnr: number, pages: number): Generator<PfnRange, void, undefined> {
  const bytes = Math.ceil(maxMapnr / 8);
  let start = 0;
  let count = 0;
  for (let i = 0; i < bytes; i++) {
    const bits = kept[i] as number;
    if (bits === 0) continue;
    const more = BITS_OF_BYTE[bits] as number;
    if (count === 0) start = i;
    else if (count + more > pages) {
      yield { startPfn: start * 8, endPfn: i * 8 };
      start = i;
      count = 0;
    }
    count += more;
  }
  if (count > 0) yield { startPfn: start * 8, endPfn: Math.min(bytes * 8, maxMapnr) };
}

/** Cuts the pages [0, maxMapnr) into ranges of `pages` pages. */
export function* evenRanges(maxMapnr: number, pages: number): Generator<PfnRange, void, undefined> {
  for (let start = 0; start < maxMapnr; start += pages) {
    yield { startPfn: start, endPfn: Math.min(start + pages, maxMapnr) };
  }
}
