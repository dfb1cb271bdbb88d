import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import type { SourceImage } from "../source/source-image.js";
import type { KdumpHeader } from "./header.js";

export interface KdumpFile {
  readonly image: SourceImage;
  readonly header: KdumpHeader;
}

/**
 * Sorts the files of a split set by their pfns. Throws `CORRUPT` if they are not a set: a file that is not part of a
 * split dump, headers that differ, ranges that overlap, leave a gap or do not reach the end (with `salvage` files may
 * be missing).
 */
export function orderSplitSet(files: readonly KdumpFile[], salvage: boolean): readonly KdumpFile[] {
  if (files.length === 1 && files[0]?.header.split === undefined) return files;
  const sorted = [...files].sort((a, b) => (a.header.split?.startPfn ?? 0) - (b.header.split?.startPfn ?? 0));
  const first = sorted[0] as KdumpFile;
  let next = 0;
  for (const { image, header } of sorted) {
    const file = image.file.path;
    if (header.split === undefined) {
      throw new DumpError("CORRUPT", "is not part of a split set, but several inputs were named", {
        file,
        cure: "Name one dump, or all files of one split set, and the output last",
      });
    }
    const same =
      header.maxMapnr === first.header.maxMapnr &&
      header.blockSize === first.header.blockSize &&
      header.littleEndian === first.header.littleEndian &&
      header.utsname.release === first.header.utsname.release &&
      header.timestamp === first.header.timestamp;
    if (!same) {
      throw new DumpError("CORRUPT", `is of another dump than ${first.image.file.path}`, {
        file,
        cure: "Name files of one split set only",
      });
    }
    if (header.split.startPfn < next || (header.split.startPfn > next && !salvage)) {
      const found = `begins at pfn ${header.split.startPfn}, but the set has pages up to ${next}`;
      throw new DumpError("CORRUPT", found, { file, cure: missing(header.split.startPfn > next) });
    }
    next = Math.max(next, header.split.endPfn);
  }
  if (next < first.header.maxMapnr && !salvage) {
    const file = (sorted.at(-1) as KdumpFile).image.file.path;
    throw new DumpError("CORRUPT", `the set ends at pfn ${next} of ${first.header.maxMapnr}`, {
      file,
      cure: missing(true),
    });
  }
  return sorted;
}

function missing(gap: boolean): string {
  return gap
    ? `A file of the split set is missing: name all of them, or filter the set with ${OPTION.salvage}`
    : "A file of the split set was named twice";
}
