import type { MappedExtent } from "../../kernel/arch/page-tables.js";
import type { PfnRange } from "../../reader/pfn-range.js";

/** More pieces come only from a kernel that unmaps what it frees (debug_pagealloc). */
const MAX_RANGES = 1 << 17;

/**
 * The memory that the kernel can reach without vmalloc, ascending: all that it ever had, but what it hides from itself.
 * `linear` has the distances from physical to virtual pages of its direct map and image. `undefined` if there are too
 * many pieces.
 */
export function linearMemory(
  extents: readonly MappedExtent[],
  linear: ReadonlySet<number>,
): readonly PfnRange[] | undefined {
  const found = extents
    .filter(({ vpn, pfn }) => linear.has(vpn - pfn))
    .map(({ pfn, pages }) => ({ startPfn: pfn, endPfn: pfn + pages }))
    .sort((a, b) => a.startPfn - b.startPfn);
  const joined: { startPfn: number; endPfn: number }[] = [];
  for (const range of found) {
    const last = joined.at(-1);
    if (last !== undefined && range.startPfn <= last.endPfn) last.endPfn = Math.max(last.endPfn, range.endPfn);
    else if (joined.length < MAX_RANGES) joined.push(range);
    else return undefined;
  }
  return joined;
}

/** Whether all these pages are in it: what does not even have the kernel's own image is not the direct map. */
export function coversPages(linear: readonly PfnRange[], pfns: readonly number[]): boolean {
  return pfns.every((pfn) => linear.some(({ startPfn, endPfn }) => pfn >= startPfn && pfn < endPfn));
}
