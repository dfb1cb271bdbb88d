import { type Extents, findExtent } from "../extents.js";
import { extentsMemory, nextAddress, setExtentBits } from "../extents-memory.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { joinedSource } from "../source/joined-source.js";
import { bytesHeld, type SourceImage } from "../source/source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";
import { snappyMemory } from "./snappy-memory.js";

/**
 * Memory whose bytes are stored in files plainly or as snappy streams (raw files, LiME, AVML, VMware …), as plain data.
 */
export interface RawImage {
  readonly kind: "raw";
  /** The files; `data` counts their bytes as if they were one file. */
  readonly sources: readonly SourceImage[];
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /**
   * Physical bytes, and where they are in the file: disjoint. With `snappy` a piece is some chunks of a stream in
   * snappy's frame format, and its `source` is the file offset of the first chunk.
   */
  readonly data: Extents;
  readonly snappy: boolean;
  /** Memory outside of `data` that is all zeros and in no file; `source` has no meaning here. */
  readonly zeros?: Extents;
  /** Pages that cannot be read count as pages that the dump does not have. */
  readonly tolerant: boolean;
}

/** Physical memory of a memory image. */
export function rawMemory({ sources, data, snappy, zeros, tolerant, pageSize }: RawImage): PhysicalMemory {
  const bytes = joinedSource(sources);
  const stored = snappy ? snappyMemory(bytes, data) : extentsMemory(bytes, data);
  const memory = { ...(zeros === undefined ? stored : withZeros(stored, zeros)), held: bytesHeld(...sources) };
  return tolerant ? tolerantMemory(memory, pageSize) : memory;
}

/** Memory with additional ranges that read as zeros. */
function withZeros(stored: PhysicalMemory, zeros: Extents): PhysicalMemory {
  return {
    read(into, paddr) {
      let done = stored.read(into, paddr);
      while (done < into.length) {
        const address = paddr + done;
        const found = findExtent(zeros, address);
        if (found === zeros.count || (zeros.start[found] as number) > address) return done;
        const behind = Math.min(into.length, (zeros.end[found] as number) - paddr);
        into.fill(0, done, behind);
        done = behind;
        if (done < into.length) done += stored.read(into.subarray(done), paddr + done);
      }
      return done;
    },
    next: (paddr) => Math.min(stored.next(paddr), nextAddress(zeros, paddr)),
    nextStored: stored.nextStored ?? stored.next,
  };
}

/** Sets the bits of a memory image's pages; all pages that exist have data. */
export function rawBitmaps(image: RawImage, bitmaps: PageBitmaps): void {
  for (const extents of rawExtents(image)) {
    if (bitmaps.exists !== undefined) setExtentBits(extents, image.pageSize, bitmaps.exists);
    setExtentBits(extents, image.pageSize, bitmaps.data);
  }
}

/** All memory of an image. */
export function rawExtents({ data, zeros }: Pick<RawImage, "data" | "zeros">): Extents[] {
  return zeros === undefined ? [data] : [data, zeros];
}
