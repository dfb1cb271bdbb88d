import type { WasmMemory } from "../codec/wasm/encode/load.js";
import { countBits, forEachRun, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { readPages } from "../reader/physical-memory.js";
import { evenRanges, keptRanges } from "../worker/chunks.js";
import { createSlotMemory, pagesPerTask, type SlotLayout, slotLayout } from "../worker/slots.js";

/** The most tasks of 2 MiB in a sample. All are in memory together, with the rest of their slots: 170 MiB. */
const SAMPLE_TASKS = 32;
/** Pages of a task of pass 1. */
const SCAN_TASK = 2 ** 17;

/** Kept pages in memory, in slots like those of the worker threads. */
export interface PageSample {
  readonly memory: WasmMemory;
  readonly bytes: Uint8Array;
  readonly layout: SlotLayout;
  /** Number of pages in each slot. */
  readonly counts: readonly number[];
  readonly pages: number;
}

/** The first tasks of pass 1 that have pages, until they have `most` pages. */
export function scanRanges(bitmap: PageBitmap, maxMapnr: number, most: number): PfnRange[] {
  const ranges: PfnRange[] = [];
  let pages = 0;
  for (const range of evenRanges(bitmap, maxMapnr, SCAN_TASK)) {
    const here = countBits(bitmap, range.startPfn, range.endPfn);
    if (here > 0) ranges.push(range);
    pages += here;
    if (pages >= most) break;
  }
  return ranges;
}

/** Reads the pages of a range without gaps, run by run as in pass 2. Returns the number of pages. */
function readRange(dump: Dump, bitmap: PageBitmap, { startPfn, endPfn }: PfnRange, into: Uint8Array): number {
  const { pageSize, memory } = dump;
  let pages = 0;
  forEachRun(bitmap, startPfn, endPfn, (start, end) => {
    readPages(memory, start * pageSize, into.subarray(pages * pageSize, (pages + end - start) * pageSize));
    pages += end - start;
  });
  return pages;
}

/** Reads the pages of a bitmap in order, at most `most`. Returns the number of pages. */
export function readSequentially(dump: Dump, bitmap: PageBitmap, maxMapnr: number, most: number): number {
  const task = pagesPerTask(dump.pageSize);
  const buffer = new Uint8Array(task * dump.pageSize);
  let pages = 0;
  for (const range of keptRanges(bitmap, maxMapnr, task)) {
    pages += readRange(dump, bitmap, range, buffer);
    if (pages >= most) break;
  }
  return pages;
}

/** Reads tasks of pass 2 into memory, evenly spread over all tasks below `maxMapnr`. */
export function takeSample(dump: Dump, kept: PageBitmap, maxMapnr: number): PageSample {
  const tasks = [...keptRanges(kept, maxMapnr, pagesPerTask(dump.pageSize))];
  const step = Math.max(1, tasks.length / SAMPLE_TASKS);
  const chosen = Array.from({ length: Math.min(SAMPLE_TASKS, tasks.length) }, (_, i) => tasks[Math.floor(i * step)]);
  const layout = slotLayout(Math.max(1, chosen.length), dump.pageSize);
  const memory = createSlotMemory(layout);
  const bytes = new Uint8Array(memory.buffer);
  const counts = chosen.map((range, slot) => {
    const input = slot * layout.size + layout.input;
    return readRange(dump, kept, range as PfnRange, bytes.subarray(input, input + layout.pages * layout.pageSize));
  });
  return { memory, bytes, layout, counts, pages: counts.reduce((sum, count) => sum + count, 0) };
}
