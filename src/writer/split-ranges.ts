import { countBits } from "../reader/bitmap.js";

/** The pages [startPfn, endPfn) of one file of a split set, as the file numbers them. */
export interface SplitRange {
  readonly startPfn: number;
  readonly endPfn: number;
}

/** crash finds a page's descriptor by whole words of the bitmap from the file's first page on: borders are multiples of that. */
const STEP = 64;

/** Cuts [0, maxMapnr) into `parts` ranges of about as many kept pages each. Ranges may be empty where there are few. */
export function splitRanges(kept: Uint8Array, maxMapnr: number, parts: number): SplitRange[] {
  const total = countBits(kept, 0, maxMapnr);
  const ranges: SplitRange[] = [];
  let pfn = 0;
  let before = 0;
  for (let i = 1; i <= parts; i++) {
    const startPfn = pfn;
    const wanted = i === parts ? Number.POSITIVE_INFINITY : Math.round((total * i) / parts);
    while (before < wanted && pfn < maxMapnr) {
      const end = Math.min(pfn + STEP, maxMapnr);
      before += countBits(kept, pfn, end);
      pfn = end;
    }
    ranges.push({ startPfn, endPfn: i === parts ? maxMapnr : pfn });
  }
  return ranges;
}
