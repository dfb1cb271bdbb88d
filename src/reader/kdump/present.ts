import { ofFile, type Warnings } from "../../warnings.js";
import { clearBits, countBits } from "../bitmap.js";
import { findExtent } from "../extents.js";
import type { FlattenedIndex } from "../flattened/records.js";
import { attachSource } from "../source/source-image.js";
import { missingPages } from "../tolerant-memory.js";
import { descriptorFault, forEachDescriptor, type PageDescriptor } from "./descriptors.js";
import type { KdumpImage } from "./image.js";
import { PAGE_DESC_SIZE } from "./layout.js";

/**
 * Clears the bits in `image.present` of blocks whose content a damaged dump lacks: blocks without a descriptor, or with
 * a descriptor that was never filled in or leads nowhere. Reads all descriptors: 24 bytes a page. Returns how many
 * blocks are missing.
 */
export function findPresent(image: KdumpImage, warnings: Warnings): number {
  const present = image.present;
  const total = countBits(image.dumped, 0, image.maxMapnr);
  let covered = 0;
  let first: number | undefined;
  let firstFile = image.parts[0]?.source.file.path ?? "";
  let damaged = 0;
  const lose = (pfn: number, end: number, file: string) => {
    clearBits(present, pfn, end);
    if (first === undefined) {
      first = pfn;
      firstFile = file;
    }
  };
  let next = 0;
  for (const part of image.parts) {
    // A file of the split set is missing.
    clearBits(present, next, Math.min(part.startPfn, image.maxMapnr));
    next = Math.min(part.endPfn, image.maxMapnr);
    const { file, flattened } = part.source;
    const { size } = attachSource(part.source);
    const pages = countBits(image.dumped, part.startPfn, next);
    covered += pages;
    const dataStart = part.descriptors + pages * PAGE_DESC_SIZE;
    let badHere: { readonly pfn: number; readonly why: string } | undefined;
    let count = 0;
    const visit = (pfn: number, descriptor: PageDescriptor | undefined) => {
      if (descriptor === undefined) {
        lose(pfn, pfn + 1, file.path);
        return;
      }
      const fault = descriptorFault(descriptor, Math.min(dataStart, size), size, image.blockSize);
      if (fault?.kind === "damaged") {
        clearBits(present, pfn, pfn + 1);
        badHere ??= { pfn, why: fault.why };
        count++;
      } else if (fault !== undefined || !isCovered(flattened, descriptor.offset, descriptor.size)) {
        lose(pfn, pfn + 1, file.path);
      }
    };
    forEachDescriptor(image, part, visit, ({ startPfn, endPfn }) => lose(startPfn, endPfn, file.path));
    if (badHere !== undefined) {
      const { pfn, why } = badHere;
      warnings.add(
        "BAD_PAGES",
        ofFile(file.path, `pages that cannot be read, the first at pfn 0x${pfn.toString(16)}: ${why}`),
        count,
      );
    }
    damaged += count;
  }
  clearBits(present, next, image.maxMapnr);
  if (covered < total) {
    warnings.add(
      "MISSING_PAGES",
      ofFile(firstFile, "pages in files of the split set that were not named"),
      total - covered,
    );
  }
  const there = countBits(present, 0, image.maxMapnr);
  const missing = total - there - damaged - (total - covered);
  if (missing > 0) warnings.add("MISSING_PAGES", missingPages(firstFile, first ?? 0), missing);
  return total - there;
}

/**
 * Whether a stream that was cut off has records for these bytes: bytes without a record read as zeros. In a complete
 * stream, that is right.
 */
export function isCovered(index: FlattenedIndex | undefined, offset: number, size: number): boolean {
  if (index?.cut === undefined) return true;
  let position = offset;
  for (let run = findExtent(index, position); position < offset + size; run++) {
    if (run >= index.count || (index.start[run] as number) > position) return false;
    position = index.end[run] as number;
  }
  return true;
}
