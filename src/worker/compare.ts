import { findBit, type PageBitmap } from "../reader/bitmap.js";
import { type PhysicalMemory, readPages } from "../reader/physical-memory.js";
import { damageOf } from "../reader/tolerant-memory.js";
import type { CompareResult, CompareTask } from "./tasks.js";

/** The most differing pages of a task whose pfns are returned; further ones are only counted. */
const MAX_NAMED = 16;
/** Pages that are read at once. */
const BATCH = 64;

/** What one worker needs for comparing. */
export interface CompareState {
  readonly memory: PhysicalMemory;
  readonly other: PhysicalMemory;
  readonly kept: PageBitmap;
  readonly pageSize: number;
  /** 1 for each byte value that erased data were filled with. */
  readonly fills: Uint8Array;
  readonly buffers: readonly [Buffer, Buffer];
}

export function compareState(
  memory: PhysicalMemory,
  other: PhysicalMemory,
  kept: PageBitmap,
  pageSize: number,
  fills: readonly number[] = [],
): CompareState {
  const filled = new Uint8Array(256);
  for (const fill of fills) filled[fill] = 1;
  const buffers = [Buffer.alloc(BATCH * pageSize), Buffer.alloc(BATCH * pageSize)] as const;
  return { memory, other, kept, pageSize, fills: filled, buffers };
}

/** Compares all pages of a range whose bit is set with the same pages of another dump. Both are read strictly. */
export function comparePages(state: CompareState, task: CompareTask): CompareResult {
  const { kept, pageSize, buffers } = state;
  const [ours, theirs] = buffers;
  const differing: number[] = [];
  let pages = 0;
  let different = 0;
  let erased = 0;
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
        if (isErased(ours, theirs, at, pageSize, state.fills)) erased++;
        else {
          different++;
          if (differing.length < MAX_NAMED) differing.push(one);
        }
      }
    }
    pfn = findBit(kept, end, task.endPfn, true);
  }
  return { pages, different, erased, differing, unreadable };
}

/** Whether all bytes that differ have values that erased data were filled with. */
function isErased(ours: Buffer, theirs: Buffer, at: number, length: number, fills: Uint8Array): boolean {
  for (let i = at; i < at + length; i++) {
    if (ours[i] !== theirs[i] && fills[ours[i] as number] === 0) return false;
  }
  return true;
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
