import { firstAbove } from "../sorted.js";
/** The most parts of an upload, for all S3-compatible stores. */
export const MAX_PARTS = 10_000;
/** The most bytes of a part. */
export const MAX_PART_SIZE = 5 * 2 ** 30;
/**
 * The largest possible object: 48.8 TiB, AWS's own limit (S3 User Guide, "multipart upload limits"). Other stores may
 * allow less.
 */
export const MAX_OBJECT_SIZE = MAX_PARTS * MAX_PART_SIZE;

/** The size of the first parts: several are in memory, and each costs a request. Stores take no smaller part than 5 MiB, but for the last one. */
export const FIRST_PART_SIZE = 8 * 2 ** 20;
/** The largest size with which all parts are equal. Five of them are in memory. */
export const EQUAL_PART_SIZE = 24 * 2 ** 20;
const STEP = 2 ** 20;

/** The boundaries of the parts of an upload. */
export interface PartPlan {
  /** The most bytes of the file. */
  readonly most: number;
  readonly parts: number;
  /** File offset of part `index`, from 0; for index `parts` the end of the last part. */
  start(index: number): number;
  /** The index of the part that contains the byte at `offset`. */
  indexOf(offset: number): number;
}

/**
 * Cuts a file of at most `most` bytes into at most `maxParts` parts. All have one size, as some stores require, if 8
 * MiB (78 GiB in all) to 24 MiB (234 GiB) are enough. Otherwise they grow with the offset: the final size of a file is
 * not known before, and is mostly far smaller than the maximum, and at least two parts are in memory. The plan depends
 * only on the two numbers, so a second run makes the same parts.
 */
export function partPlan(most: number, maxParts: number = MAX_PARTS): PartPlan {
  const size = Math.min(Math.max(most, 1), maxParts * MAX_PART_SIZE);
  const equal = Math.max(FIRST_PART_SIZE, Math.ceil(size / maxParts / STEP) * STEP);
  let starts = equal > EQUAL_PART_SIZE ? undefined : cut(size, equal, Number.POSITIVE_INFINITY, maxParts);
  for (let first = FIRST_PART_SIZE; starts === undefined; first *= 2) {
    // A part has 1/share of the bytes before it: the larger the share, the smaller the parts, and the more parts there
    // are.
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

/** Parts that have more than a 500th of the bytes before them take more memory than larger first parts. */
const MIN_SHARE = 500;

/** The starts of the parts, and the end of the last one; `undefined` if there would be too many. */
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
    // The end of the last part is not the start of a part.
    indexOf: (offset) => Math.max(0, Math.min(firstAbove(starts, offset), parts) - 1),
  };
}
