import { DumpError } from "../../errors.js";
import { setBits } from "../bitmap.js";
import type { PageBitmaps, PhysicalMemory } from "../dump.js";
import { type Extents, findExtent } from "../extents.js";
import { attachSource, type SourceImage } from "../source-image.js";

/** An opened ELF dump as plain data. */
export interface ElfImage {
  readonly kind: "elf";
  readonly source: SourceImage;
  readonly pageSize: number;
  /** Physical bytes that have data in the file: disjoint, the first PT_LOAD in file order wins. */
  readonly data: Extents;
  /** Physical bytes that any PT_LOAD describes; `source` is of no use. */
  readonly memory: Extents;
}

/** Physical memory of an ELF dump. */
export function elfMemory(image: ElfImage): PhysicalMemory {
  const source = attachSource(image.source);
  const { data } = image;
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
    next(paddr) {
      const found = findExtent(data, paddr);
      return found < data.count ? Math.max(paddr, data.start[found] as number) : Number.POSITIVE_INFINITY;
    },
  };
}

/**
 * Sets the bits of an ELF dump's pages. A page has data if any of its bytes do: segments need not begin or end at
 * page borders (/proc/vmcore's low memory), and the bytes that no segment has read as zeros.
 */
export function elfBitmaps(image: ElfImage, bitmaps: PageBitmaps): void {
  const fill = (extents: Extents, bitmap: Uint8Array) => {
    const limit = bitmap.length * 8;
    for (let i = 0; i < extents.count; i++) {
      const first = Math.floor((extents.start[i] as number) / image.pageSize);
      const last = Math.ceil((extents.end[i] as number) / image.pageSize);
      setBits(bitmap, Math.min(first, limit), Math.min(last, limit));
    }
  };
  fill(image.memory, bitmaps.exists);
  fill(image.data, bitmaps.data);
}
