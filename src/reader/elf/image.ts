import type { Extents } from "../extents.js";
import { extentsMemory, setExtentBits } from "../extents-memory.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";

/** An opened ELF dump as plain data. */
export interface ElfImage {
  readonly kind: "elf";
  readonly source: SourceImage;
  readonly pageSize: number;
  /** Physical bytes that have data in the file: disjoint, the first PT_LOAD in file order wins. */
  readonly data: Extents;
  /** Physical bytes that any PT_LOAD describes; `source` has no meaning here. */
  readonly memory: Extents;
  /** Pages that cannot be read count as pages that the dump does not have. */
  readonly tolerant: boolean;
}

/** Physical memory of an ELF dump. */
export function elfMemory(image: ElfImage): PhysicalMemory {
  const memory = { ...extentsMemory(attachSource(image.source), image.data), held: bytesHeld(image.source) };
  return image.tolerant ? tolerantMemory(memory, image.pageSize) : memory;
}

/**
 * Sets the bits of an ELF dump's pages. A page has data if any of its bytes do: segments need not begin or end at page
 * borders (/proc/vmcore's low memory), and bytes that are in no segment read as zeros.
 */
export function elfBitmaps(image: ElfImage, bitmaps: PageBitmaps): void {
  if (bitmaps.exists !== undefined) setExtentBits(image.memory, image.pageSize, bitmaps.exists);
  setExtentBits(image.data, image.pageSize, bitmaps.data);
}
