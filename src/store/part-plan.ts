import { firstAbove } from "../sorted.js";
/** Most parts of an upload, of any S3-compatible store. */
export const MAX_PARTS = 10_000;
/** Least bytes of a part that is not the last one. */
export const MIN_PART_SIZE = 5 * 2 ** 20;
/** Most bytes of a part. */
export const MAX_PART_SIZE = 5 * 2 ** 30;
/** The largest object that so many parts can make: 48.8 TiB, AWS's own limit (S3 User Guide, "multipart upload limits"). Stores may take less. */
export const MAX_OBJECT_SIZE = MAX_PARTS * MAX_PART_SIZE;

/** Parts begin with this size: a few of them are in memory, and each costs a request. */
export const FIRST_PART_SIZE = 8 * 2 ** 20;
/** The largest size that all parts have. Five of them are in memory. */
export const EQUAL_PART_SIZE = 24 * 2 ** 20;
const STEP = 2 ** 20;

/** How a file is cut into the parts of its upload. */
export interface PartPlan {
  /** Most bytes of the file. */
  readonly most: number;
  readonly parts: number;
  /** File offset where part `index` begins, counted from 0; of index `parts` the end of the last one. */
  start(index: number): number;
  /** The part that has the byte at `offset`. */
  indexOf(offset: number): number;
}

/**
 * Cuts a file of `most` bytes at most into parts of which there are never more than `maxParts`. All have one size, as some stores want it, where
 * 8 MiB (78 GiB in all) to 24 MiB (234 GiB) are enough. Otherwise they grow with the offset: what a file will have in the end is not known before, mostly far
 * less than it might, and two parts at least are in memory. The plan depends on the two numbers alone, so a second run makes the same parts.
 */
export function partPlan(most: number, maxParts: number = MAX_PARTS): PartPlan {
  const size = Math.min(Math.max(most, 1), maxParts * MAX_PART_SIZE);
  const equal = Math.max(FIRST_PART_SIZE, Math.ceil(size / maxParts / STEP) * STEP);
  let starts = equal > EQUAL_PART_SIZE ? undefined : cut(size, equal, Number.POSITIVE_INFINITY, maxParts);
  for (let first = FIRST_PART_SIZE; starts === undefined; first *= 2) {
    // A part is 1/share of what lies before it: the larger the share the smaller the parts, and the more there are.
    let low = MIN_SHARE;
    let high = maxParts;
    starts = cut(size, Math.min(first, MAX_PART_SIZE), low, maxParts);
    while (starts !== undefined && high - low > 1) {
      const middle = (low + high) >>> 1;
      const found = cut(size, first, middle, maxParts);
      if (found === undefined) high = middle;
      else {
        low = middle;
        starts = found;
      }
    }
  }
  return planOf(starts, size);
}

/** Parts that are more than a 500th of what is before them take more memory than larger first parts do. */
const MIN_SHARE = 500;

/** Where the parts begin, and the end of the last one; `undefined` if they would be too many. */
function cut(size: number, first: number, share: number, maxParts: number): number[] | undefined {
  const starts = [0];
  let at = 0;
  while (at < size) {
    if (starts.length > maxParts) return undefined;
    const grown = Math.ceil(at / share / STEP) * STEP;
    at += Math.min(MAX_PART_SIZE, Math.max(first, grown));
    starts.push(at);
  }
  return starts;
}

function planOf(starts: readonly number[], most: number): PartPlan {
  const parts = starts.length - 1;
  return {
    most,
    parts,
    start: (index) => starts[index] as number,
    // The last part's end is none of a part's beginnings.
    indexOf: (offset) => Math.max(0, Math.min(firstAbove(starts, offset), parts) - 1),
  };
}
