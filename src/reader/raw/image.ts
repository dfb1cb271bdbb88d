import type { Extents } from "../extents.js";
import { extentsMemory, setExtentBits } from "../extents-memory.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { joinedSource } from "../source/joined-source.js";
import type { SourceImage } from "../source/source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";
import { snappyMemory } from "./snappy-memory.js";

/** Memory whose bytes lie in files as they are, or as snappy streams (raw files, LiME, AVML, VMware …), as plain data. */
export interface RawImage {
  readonly kind: "raw";
  /** `data` counts their bytes one behind the other. */
  readonly sources: readonly SourceImage[];
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /**
   * Physical bytes and where they lie in the file: disjoint. With `snappy` a piece is some chunks of a stream in
   * snappy's frame format, and its `source` the file offset of the first chunk.
   */
  readonly data: Extents;
  readonly snappy: boolean;
  /** Pages that cannot be read are as if they were not there. */
  readonly tolerant: boolean;
}

/** Physical memory of a memory image. */
export function rawMemory({ sources, data, snappy, tolerant, pageSize }: RawImage): PhysicalMemory {
  const bytes = joinedSource(sources);
  const memory = snappy ? snappyMemory(bytes, data) : extentsMemory(bytes, data);
  return tolerant ? tolerantMemory(memory, pageSize) : memory;
}

/** Sets the bits of a memory image's pages; all that exist have data. */
export function rawBitmaps(image: RawImage, bitmaps: PageBitmaps): void {
  setExtentBits(image.data, image.pageSize, bitmaps.exists);
  setExtentBits(image.data, image.pageSize, bitmaps.data);
}
