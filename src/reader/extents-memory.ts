import { DumpError } from "../errors.js";
import { type PageBitmap, setBits } from "./bitmap.js";
import { type Extents, findExtent } from "./extents.js";
import type { PhysicalMemory } from "./physical-memory.js";

import type { ByteSource } from "./source/byte-source.js";

import { STRETCH_STEP, type Stretches, stretchesOver } from "./stretches.js";

/** Physical memory whose bytes lie in a file as they are. Reading throws `TRUNCATED` when the file became shorter. */
export function extentsMemory(source: ByteSource, data: Extents): PhysicalMemory {
  // Reads go upwards mostly: the last piece and its follower are tried before a search.
  let hint = 0;
  return {
    read(into, paddr) {
      let done = 0;
      while (done < into.length) {
        const address = paddr + done;
        if (hint >= data.count || address < (data.start[hint] as number) || address >= (data.end[hint] as number)) {
          const following = hint + 1;
          const fits = following < data.count && address === (data.start[following] as number);
          const found = fits ? following : findExtent(data, address);
          if (found >= data.count || (data.start[found] as number) > address) return done;
          hint = found;
        }
        const start = data.start[hint] as number;
        const n = Math.min(into.length - done, (data.end[hint] as number) - address);
        const got = source.read(into.subarray(done, done + n), (data.source[hint] as number) + (address - start));
        done += got;
        if (got < n) {
          throw new DumpError("TRUNCATED", `became shorter while it was read: ${n} bytes expected, ${got} are there`, {
            file: source.name,
            offset: (data.source[hint] as number) + (address - start),
            cure: "Wait until the dump has been written or copied to the end",
          });
        }
      }
      return done;
    },
    next: (paddr) => nextAddress(data, paddr),
  };
}

/** The lowest address from `paddr` on that the extents have, or Infinity. */
export function nextAddress(extents: Extents, paddr: number): number {
  const found = findExtent(extents, paddr);
  return found < extents.count ? Math.max(paddr, extents.start[found] as number) : Number.POSITIVE_INFINITY;
}

/** Pages that extents touch; one that two of them touch counts twice. */
export function pagesIn(extents: Extents, pageSize: number): number {
  let pages = 0;
  for (let i = 0; i < extents.count; i++) {
    const [start, end] = [extents.start[i] as number, extents.end[i] as number];
    pages += Math.ceil(end / pageSize) - Math.floor(start / pageSize);
  }
  return pages;
}

/** Where the pages are that extents touch: all of them together. */
export function extentStretches(all: readonly Extents[], pageSize: number): Stretches {
  const ranges: { start: number; end: number }[] = [];
  let count = 0;
  for (const extents of all) {
    for (let i = 0; i < extents.count; i++) {
      const start = Math.floor((extents.start[i] as number) / pageSize);
      const end = Math.ceil((extents.end[i] as number) / pageSize);
      count = Math.max(count, end);
      // A dump may have a million of them: neighbours are joined at once.
      const last = ranges.at(-1);
      if (last !== undefined && start >= last.start && start - last.end < STRETCH_STEP)
        last.end = Math.max(last.end, end);
      else ranges.push({ start, end });
    }
  }
  return stretchesOver(ranges, count);
}

/**
 * Sets the bits of the pages that the extents touch: a piece need not begin or end at a page border (/proc/vmcore's
 * low memory, LiME's ranges), and the other bytes of such a page read as zeros.
 */
export function setExtentBits(extents: Extents, pageSize: number, bitmap: PageBitmap): void {
  for (let i = 0; i < extents.count; i++) {
    const first = Math.floor((extents.start[i] as number) / pageSize);
    const last = Math.ceil((extents.end[i] as number) / pageSize);
    setBits(bitmap, first, last);
  }
}
