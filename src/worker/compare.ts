import { findBit } from "../reader/bitmap.js";
import { type PhysicalMemory, readPages } from "../reader/dump.js";
import { damageOf } from "../reader/tolerant-memory.js";
import type { CompareResult, CompareTask } from "./tasks.js";

/** Differing pages that a task names; the others are only counted. */
const MAX_NAMED = 16;
/** Pages read at once. */
const BATCH = 64;

/** What one worker compares with. */
export interface CompareState {
  readonly memory: PhysicalMemory;
  readonly other: PhysicalMemory;
  readonly kept: Uint8Array;
  readonly pageSize: number;
  readonly buffers: readonly [Buffer, Buffer];
}

export function compareState(
  memory: PhysicalMemory,
  other: PhysicalMemory,
  kept: Uint8Array,
  pageSize: number,
): CompareState {
  const buffers = [Buffer.alloc(BATCH * pageSize), Buffer.alloc(BATCH * pageSize)] as const;
  return { memory, other, kept, pageSize, buffers };
}

/** Compares all pages of a range that have a bit with the same pages of another dump. Both are read strictly. */
export function comparePages(state: CompareState, task: CompareTask): CompareResult {
  const { kept, pageSize, buffers } = state;
  const [ours, theirs] = buffers;
  const differing: number[] = [];
  let pages = 0;
  let different = 0;
  let unreadable = 0;
  let pfn = findBit(kept, task.startPfn, task.endPfn, true);
  while (pfn < task.endPfn) {
    const end = Math.min(findBit(kept, pfn, task.endPfn, false), pfn + BATCH);
    pages += end - pfn;
    const read = readBoth(state, pfn, end);
    for (let one = pfn; one < end; one++) {
      const at = (one - pfn) * pageSize;
      if (!read && !readBoth(state, one, one + 1, at)) unreadable++;
      else if (ours.compare(theirs, at, at + pageSize, at, at + pageSize) !== 0) {
        different++;
        if (differing.length < MAX_NAMED) differing.push(one);
      }
    }
    pfn = findBit(kept, end, task.endPfn, true);
  }
  return { pages, different, differing, unreadable };
}

function readBoth({ memory, other, pageSize, buffers }: CompareState, start: number, end: number, at = 0): boolean {
  const length = (end - start) * pageSize;
  try {
    readPages(memory, start * pageSize, buffers[0].subarray(at, at + length));
    readPages(other, start * pageSize, buffers[1].subarray(at, at + length));
    return true;
  } catch (error) {
    damageOf(error);
    return false;
  }
}
