import { countBits } from "../bitmap.js";
import { attachSource } from "../source/source-image.js";
import { forEachDescriptor } from "./descriptors.js";
import type { KdumpImage, KdumpPart } from "./image.js";
import { PAGE_DESC_SIZE } from "./layout.js";

/** How many pages of a file are there, of those that its headers describe. */
export interface CutPages {
  readonly there: number;
  readonly promised: number;
}

/**
 * The pages of a dump that is cut off in its page data; `undefined` if it is not. Writers write pages in order, so the
 * last descriptor tells; only if that leads behind the end are all of them read.
 */
export function cutPages(image: KdumpImage): CutPages | undefined {
  if (!image.parts.some((part) => isCut(image, part))) return undefined;
  let there = 0;
  let promised = 0;
  for (const part of image.parts) {
    const { size } = attachSource(part.source);
    forEachDescriptor(
      image,
      part,
      (_, descriptor) => {
        promised++;
        if (descriptor !== undefined && descriptor.offset > 0 && descriptor.offset + descriptor.size <= size) there++;
      },
      ({ pages }) => {
        promised += pages;
      },
    );
  }
  return { there, promised };
}

function isCut({ dumped, maxMapnr, littleEndian }: KdumpImage, { source: image, ...part }: KdumpPart): boolean {
  const source = attachSource(image);
  const pages = countBits(dumped, part.startPfn, Math.min(part.endPfn, maxMapnr));
  if (pages === 0) return false;
  const bytes = new Uint8Array(PAGE_DESC_SIZE);
  if (source.read(bytes, part.descriptors + (pages - 1) * PAGE_DESC_SIZE) < PAGE_DESC_SIZE) return true;
  const view = new DataView(bytes.buffer);
  return Number(view.getBigInt64(0, littleEndian)) + view.getUint32(8, littleEndian) > source.size;
}
