import { clearBits, findBit, type PageBitmap } from "../reader/bitmap.js";
import { type PhysicalMemory, readPages } from "../reader/physical-memory.js";
import { damageOf } from "../reader/tolerant-memory.js";
import type { CheckResult, CheckTask, PageFault } from "./tasks.js";

/** The most faults of a task that are returned in detail; further ones are only counted. */
const MAX_FAULTS = 16;

/** What one worker needs for checking. */
export interface CheckState {
  /** Reading throws if a page cannot be decoded. */
  readonly memory: PhysicalMemory;
  readonly kept: PageBitmap;
  readonly pageSize: number;
  readonly buffer: Uint8Array;
  /** The same bytes as `buffer`. */
  readonly words: BigUint64Array;
}

/** Pages that are read at once, as long as there is no error. */
const BATCH = 64;

export function checkState(memory: PhysicalMemory, kept: PageBitmap, pageSize: number): CheckState {
  const buffer = new Uint8Array(BATCH * pageSize);
  return { memory, kept, pageSize, buffer, words: new BigUint64Array(buffer.buffer) };
}

/**
 * Reads all pages of a range whose bit is set, and clears the bits of those that cannot be read or decoded. Of a page
 * that is read, its words are compared up to the first that is not zero.
 */
export function checkPages({ memory, kept, pageSize, buffer, words }: CheckState, task: CheckTask): CheckResult {
  const faults: PageFault[] = [];
  let pages = 0;
  let unreadable = 0;
  let zeros = 0;
  const failed = (pfn: number, error: unknown) => {
    const { code, message, why, reason, offset } = damageOf(error);
    clearBits(kept, pfn, pfn + 1);
    unreadable++;
    if (faults.length < MAX_FAULTS) faults.push({ pfn, code, message, reason: why ?? reason, offset });
  };
  let pfn = findBit(kept, task.startPfn, task.endPfn, true);
  while (pfn < task.endPfn) {
    const end = Math.min(findBit(kept, pfn, task.endPfn, false), pfn + BATCH);
    pages += end - pfn;
    try {
      readPages(memory, pfn * pageSize, buffer.subarray(0, (end - pfn) * pageSize));
      zeros += zeroPages(words, end - pfn, pageSize / 8);
    } catch (error) {
      damageOf(error);
      for (let one = pfn; one < end; one++) {
        try {
          readPages(memory, one * pageSize, buffer.subarray(0, pageSize));
          zeros += zeroPages(words, 1, pageSize / 8);
        } catch (cause) {
          failed(one, cause);
        }
      }
    }
    pfn = findBit(kept, end, task.endPfn, true);
  }
  return { pages, unreadable, zeros, faults };
}

/** How many of the first `pages` pages are all zeros; `size` is that of a page in words. */
function zeroPages(words: BigUint64Array, pages: number, size: number): number {
  let zeros = 0;
  for (let page = 0; page < pages; page++) {
    const end = (page + 1) * size;
    let at = page * size;
    while (at < end && words[at] === 0n) at++;
    if (at === end) zeros++;
  }
  return zeros;
}
