import { DumpError } from "../errors.js";
import { type PageBitmap, setBits } from "./bitmap.js";
import { type Extents, findExtent } from "./extents.js";
import type { PhysicalMemory } from "./physical-memory.js";
import type { ByteSource } from "./source/byte-source.js";
import { STRETCH_STEP, type Stretches, stretchesOver } from "./stretches.js";

/** Physical memory whose bytes lie unchanged in a file. Reading throws `TRUNCATED` if the file became shorter. */
export function extentsMemory(source: ByteSource, data: Extents): PhysicalMemory {
  // Reads mostly ascend: the last piece and the next one are tried before a search.
  let hint = 0;
  const { zerosEnd } = source;
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
    ...(zerosEnd && { nextStored: (paddr) => nextStoredAddress(data, zerosEnd, paddr) }),
  };
}

/** The lowest address from `paddr` on whose byte the source stores, or Infinity. */
function nextStoredAddress(data: Extents, zerosEnd: (offset: number) => number, paddr: number): number {
  let address = nextAddress(data, paddr);
  for (let i = findExtent(data, address); i < data.count; i++) {
    const shift = (data.source[i] as number) - (data.start[i] as number);
    address = zerosEnd(Math.max(address, data.start[i] as number) + shift) - shift;
    if (address < (data.end[i] as number)) return address;
    address = data.end[i] as number;
  }
  return Number.POSITIVE_INFINITY;
}

/** The lowest address from `paddr` on that is in the extents, or Infinity. */
export function nextAddress(extents: Extents, paddr: number): number {
  const found = findExtent(extents, paddr);
  return found < extents.count ? Math.max(paddr, extents.start[found] as number) : Number.POSITIVE_INFINITY;
}

/** Number of pages that extents touch. A page that two extents touch counts twice. */
export function pagesIn(extents: Extents, pageSize: number): number {
  let pages = 0;
  for (let i = 0; i < extents.count; i++) {
    const [start, end] = [extents.start[i] as number, extents.end[i] as number];
    pages += Math.ceil(end / pageSize) - Math.floor(start / pageSize);
  }
  return pages;
}

/** The stretches of the pages that all these extents touch. */
export function extentStretches(all: readonly Extents[], pageSize: number): Stretches {
  const ranges: { start: number; end: number }[] = [];
  let count = 0;
  for (const extents of all) {
    for (let i = 0; i < extents.count; i++) {
      const start = Math.floor((extents.start[i] as number) / pageSize);
      const end = Math.ceil((extents.end[i] as number) / pageSize);
      count = Math.max(count, end);
      // A dump may have a million extents, so neighbours are joined at once.
      const last = ranges.at(-1);
      if (last !== undefined && start >= last.start && start - last.end < STRETCH_STEP)
        last.end = Math.max(last.end, end);
      else ranges.push({ start, end });
    }
  }
  return stretchesOver(ranges, count);
}

/**
 * Sets the bits of the pages that the extents touch. A piece need not begin or end at a page border (/proc/vmcore's low
 * memory, LiME's ranges); the other bytes of such a page read as zeros.
 */
export function setExtentBits(extents: Extents, pageSize: number, bitmap: PageBitmap): void {
  for (let i = 0; i < extents.count; i++) {
    const first = Math.floor((extents.start[i] as number) / pageSize);
    const last = Math.ceil((extents.end[i] as number) / pageSize);
    setBits(bitmap, first, last);
  }
}
