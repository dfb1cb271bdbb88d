import { setExtentBits } from "../extents-memory.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { attachSource } from "../source/source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";
import { listedExtents } from "./extents.js";
import type { PagedImage } from "./image.js";
import { indexedMemory } from "./memory.js";

/** Physical memory of a file that stores pages one by one. */
export function pagedMemory(image: PagedImage): PhysicalMemory {
  const memory = indexedMemory(attachSource(image.source), image);
  return image.tolerant ? tolerantMemory(memory, image.pageSize) : memory;
}

/** Sets the bits of the pages that exist and of those that have data. */
export function pagedBitmaps(image: PagedImage, { exists, data }: PageBitmaps): void {
  setExtentBits(image.memory, image.pageSize, exists);
  setExtentBits(image.unlistedAreZero ? image.memory : listedExtents(image), image.pageSize, data);
}
