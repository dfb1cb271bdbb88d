import { attachSpace, type KernelView } from "../kernel/kernel-view.js";
import { structPageRun } from "../kernel/page/mem-map.js";
import { clearBits, forEachRun, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { UNUSED_VMEMMAP } from "./page-classes.js";
import { type PagePlan, withoutData } from "./plan.js";

/**
 * makedumpfile looks for runs of dropped pages in pieces of its bitmaps of 4 KiB each. This file does the same, so that
 * it drops the same pages. (makedumpfile 1.7.2 was seen to skip a last piece that is not full.)
 */
const PIECE_PAGES = 4096 * 8;
/** makedumpfile works on words of 64 pages, and takes at least two of them. */
const WORD_PAGES = 64;
const LEAST_PAGES = 2 * WORD_PAGES;
/**
 * Struct pages in memory that is mapped in blocks of at least this size belong to one place of the memory map. Struct
 * pages in memory that is mapped page by page may be shared: for a huge page, the kernel maps the struct pages of the
 * tails to those of the head (hugetlb vmemmap optimisation).
 */
const BLOCK_BYTES = 1 << 20;

/** Pages with consecutive struct pages, as makedumpfile's `-e` chooses them. */
interface DroppedRun {
  readonly start: number;
  readonly end: number;
}

/** Runs of dropped pages, rounded inwards to makedumpfile's words. */
function droppedRuns(plan: PagePlan): DroppedRun[] {
  const runs: DroppedRun[] = [];
  const gone = withoutData(plan);
  for (let piece = 0; piece < plan.maxMapnr; piece += PIECE_PAGES) {
    forEachRun(gone, piece, Math.min(piece + PIECE_PAGES, plan.maxMapnr), (from, to) => {
      const start = Math.ceil(from / WORD_PAGES) * WORD_PAGES;
      const end = Math.floor(to / WORD_PAGES) * WORD_PAGES;
      if (end - start >= LEAST_PAGES) runs.push({ start, end });
    });
  }
  return runs;
}

/**
 * Drops the pages of the dumped kernel that contain only struct pages of dropped pages, like makedumpfile's `-e`.
 * Everything that the level drops must have been dropped before. `from` has the bits to clear; in a run they are the
 * plan's kept pages. Returns how many pages were cleared.
 */
export function dropUnusedVmemmap(dump: Dump, view: KernelView, plan: PagePlan, from: PageBitmap = plan.kept): number {
  const { pageSize } = dump;
  const size = view.layout.size;
  const space = attachSpace(view.space, dump.memory);
  let dropped = 0;
  const dropMemory = (start: bigint, end: bigint) => {
    let at = start;
    while (at < end) {
      const block = space.translate(at - (at % BigInt(BLOCK_BYTES)));
      const found = block && block.length >= BLOCK_BYTES ? space.translate(at) : undefined;
      const rest = BLOCK_BYTES - Number(at % BigInt(BLOCK_BYTES));
      const bytes = Math.min(rest, Number(end - at));
      if (found !== undefined) dropped += clearBits(from, found.paddr / pageSize, (found.paddr + bytes) / pageSize);
      at += BigInt(bytes);
    }
  };
  for (const { start, end } of droppedRuns(plan)) {
    let pfn = start;
    while (pfn < end) {
      const run = structPageRun(view.memMap, size, pfn);
      const pages = Math.min(run?.pages ?? WORD_PAGES, end - pfn);
      if (run !== undefined) {
        const page = BigInt(pageSize);
        const last = run.address + BigInt(pages * size);
        dropMemory(((run.address + page - 1n) / page) * page, last - (last % page));
      }
      pfn += pages;
    }
  }
  plan.dropped[UNUSED_VMEMMAP] = (plan.dropped[UNUSED_VMEMMAP] as number) + dropped;
  return dropped;
}
