import { descriptorFault, forEachDescriptor, type PageDescriptor } from "../reader/kdump/descriptors.js";
import type { KdumpImage, KdumpPart } from "../reader/kdump/image.js";
import { firstAbove } from "../sorted.js";
import type { Findings } from "./findings.js";

/**
 * The most pages that are compared with all others, of those that are not stored behind the previous ones: 16 MiB of
 * memory.
 */
const MAX_CANDIDATES = 2 ** 20;

/**
 * Finds pages whose bytes in the file partly belong to another page. Pages may share all of their bytes, as those of
 * zeros do. Most writers store pages in order. So the first pass only collects the pages that begin before the end of
 * the earlier ones, and only if there are any, a second pass compares all pages with them.
 */
export function findOverlaps(
  image: KdumpImage,
  part: KdumpPart,
  dataStart: number,
  fileSize: number,
  findings: Findings,
): void {
  const starts = new Map<number, number>();
  const file = part.source.file.path;
  let end = 0;
  let skipped = 0;
  const contradicts = (pfn: number, position: number) => {
    const message = "its bytes are partly those of another page";
    findings.add({ kind: "overlap", message, file, offset: position, pfn });
  };
  const nothing = () => undefined;
  const collect = (pfn: number, descriptor: PageDescriptor | undefined) => {
    if (descriptor === undefined || descriptorFault(descriptor, dataStart, fileSize, image.blockSize)) return;
    const { offset, size, position } = descriptor;
    if (offset >= end) {
      end = offset + size;
      return;
    }
    end = Math.max(end, offset + size);
    const known = starts.get(offset);
    if (known !== undefined) {
      if (known !== size) contradicts(pfn, position);
    } else if (starts.size < MAX_CANDIDATES) starts.set(offset, size);
    else skipped++;
  };
  forEachDescriptor(image, part, collect, nothing);
  if (starts.size === 0) return;
  const sorted = Float64Array.from(starts.keys()).sort();
  const compare = (pfn: number, descriptor: PageDescriptor | undefined) => {
    if (descriptor === undefined || descriptorFault(descriptor, dataStart, fileSize, image.blockSize)) return;
    const { offset, size, position } = descriptor;
    // The first candidate that may end behind this page's start: a candidate is not longer than a block.
    const low = firstAbove(sorted, offset - image.blockSize);
    for (let i = low; i < sorted.length && (sorted[i] as number) < offset + size; i++) {
      const start = sorted[i] as number;
      const length = starts.get(start) as number;
      if (start + length <= offset || (start === offset && length === size)) continue;
      contradicts(pfn, position);
      return;
    }
  };
  forEachDescriptor(image, part, compare, nothing);
  if (skipped > 0) {
    const message = `${skipped} pages that lie in no order were not compared with the others`;
    findings.add({ kind: "overlap", message, file }, 0);
  }
}
