import { countBits, findBit, type PageBitmap } from "../reader/bitmap.js";

/** The pages [startPfn, endPfn) of one file of a split set, as the file numbers them. */
export interface SplitRange {
  readonly startPfn: number;
  readonly endPfn: number;
}

/**
 * crash finds a page's descriptor by whole words of the bitmap from the file's first page on, so borders are multiples
 * of this.
 */
const STEP = 64;

/**
 * Cuts [firstPfn, maxMapnr) into `parts` ranges with about the same number of kept pages, counted from `firstPfn`.
 * Ranges may be empty if there are few pages.
 */
export function splitRanges(kept: PageBitmap, maxMapnr: number, parts: number, firstPfn = 0): SplitRange[] {
  const total = countBits(kept, firstPfn, maxMapnr);
  const ranges: SplitRange[] = [];
  let pfn = firstPfn;
  let before = 0;
  for (let i = 1; i <= parts; i++) {
    const startPfn = pfn;
    const wanted = i === parts ? Number.POSITIVE_INFINITY : Math.round((total * i) / parts);
    while (before < wanted && pfn < maxMapnr) {
      // Steps without a page only move the border: it comes behind the last step that has a page.
      const next = findBit(kept, pfn, maxMapnr, true);
      const end = Math.min(next - ((next - firstPfn) % STEP) + STEP, maxMapnr);
      before += countBits(kept, pfn, end);
      pfn = end;
    }
    ranges.push({ startPfn: startPfn - firstPfn, endPfn: (i === parts ? maxMapnr : pfn) - firstPfn });
  }
  return ranges;
}
