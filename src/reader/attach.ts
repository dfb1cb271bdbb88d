import type { Dump, DumpImage } from "./dump.js";
import { elfBitmaps, elfMemory } from "./elf/image.js";
import type { ElfDump } from "./elf/open.js";
import { extentStretches } from "./extents-memory.js";
import { withFrames } from "./frames.js";
import { kdumpBitmaps, kdumpMemory, kdumpStretches } from "./kdump/memory.js";
import { pagedBitmaps, pagedMemory } from "./paged/memory.js";
import type { PageBitmaps, PhysicalMemory } from "./physical-memory.js";
import { rawBitmaps, rawExtents, rawMemory } from "./raw/image.js";
import type { Stretches } from "./stretches.js";

/** Physical memory of an opened dump, also for other threads than the one that opened it. */
export function attachMemory(image: DumpImage): PhysicalMemory {
  return withFrames(memoryOf(image), image.frames);
}

function memoryOf(image: DumpImage): PhysicalMemory {
  switch (image.kind) {
    case "elf":
      return elfMemory(image);
    case "kdump":
      return kdumpMemory(image);
    case "paged":
      return pagedMemory(image);
    case "raw":
      return rawMemory(image);
  }
}

/** The same, but reading a page that cannot be decoded throws, even if the dump is salvaged. */
export function attachStrictMemory(image: DumpImage): PhysicalMemory {
  return attachMemory({ ...image, tolerant: false });
}

/** Sets the bits of the pages that exist and of those that have data. */
export function fillBitmaps(image: DumpImage, bitmaps: PageBitmaps): void {
  if (image.kind === "elf") elfBitmaps(image, bitmaps);
  else if (image.kind === "kdump") kdumpBitmaps(image, bitmaps);
  else if (image.kind === "paged") pagedBitmaps(image, bitmaps);
  else rawBitmaps(image, bitmaps);
}

/** The stretches of the pages that exist or have data. */
export function stretchesOf(image: DumpImage): Stretches {
  const { pageSize } = image;
  if (image.kind === "kdump") return kdumpStretches(image);
  if (image.kind === "raw") return extentStretches(rawExtents(image), pageSize);
  if (image.kind === "paged") return extentStretches([image.memory], pageSize);
  return extentStretches([image.memory, image.data], pageSize);
}

/** The PT_LOADs of an ELF dump; `undefined` for a dump of another format. */
export function segmentsOf(dump: Dump): ElfDump["segments"] | undefined {
  return "segments" in dump ? (dump as ElfDump).segments : undefined;
}
