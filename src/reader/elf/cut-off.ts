import { cutOffError } from "../damage.js";
import type { ElfSegment, ElfSegments } from "./segments.js";

/** Throws `TRUNCATED` if a segment reaches beyond the end of the file. */
export function checkNotCutOff({ end }: ElfSegments, size: number, file: string): void {
  if (end <= size) return;
  throw cutOffError(file, `is cut off: it has ${size} bytes, and its headers describe ${end}`);
}

/** The parts of PT_LOADs that a file of `size` bytes has: whole pages only, so that no page is half zeros. */
export function cutLoads(loads: readonly ElfSegment[], size: number, pageSize: number): ElfSegment[] {
  return loads.map((load) => {
    if (load.offset + load.filesz <= size) return load;
    const end = load.paddr + Math.max(0, size - load.offset);
    return { ...load, filesz: Math.max(0, end - (end % pageSize) - load.paddr) };
  });
}

/**
 * The number of pages that `whole` has data for but `cut` has not, and the first of them. Counts ranges, because a
 * damaged size of a segment may claim more pages than a loop could count one by one.
 */
export function lostPages(
  whole: readonly ElfSegment[],
  cut: readonly ElfSegment[],
  pageSize: number,
): { readonly count: number; readonly first: number } {
  const [before, after] = [pageRanges(whole, pageSize), pageRanges(cut, pageSize)];
  let count = 0;
  let first = -1;
  let passed = 0;
  for (const { start, end } of before) {
    let pfn = start;
    while (pfn < end) {
      while ((after[passed]?.end ?? Number.POSITIVE_INFINITY) <= pfn) passed++;
      const left = after[passed] ?? { start: end, end };
      const lost = Math.min(left.start, end) - pfn;
      if (lost > 0) {
        if (first === -1) first = pfn;
        count += lost;
      }
      pfn = Math.max(pfn, Math.min(left.end, end));
    }
  }
  return { count, first };
}

/** The pages that the loads' data touch, as ascending ranges of pfns. */
function pageRanges(loads: readonly ElfSegment[], pageSize: number): readonly { start: number; end: number }[] {
  const ranges = loads
    .filter(({ filesz }) => filesz > 0)
    .map(({ paddr, filesz }) => ({ start: Math.floor(paddr / pageSize), end: Math.ceil((paddr + filesz) / pageSize) }))
    .sort((a, b) => a.start - b.start);
  const joined: { start: number; end: number }[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else joined.push({ ...range });
  }
  return joined;
}
