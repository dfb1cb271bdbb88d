import type { PageBitmap } from "../bitmap.js";
import { countBitsIn } from "../bits.js";
import type { SourceImage } from "../source/source-image.js";
import { bitPlaceOf, placesIn } from "../stretches.js";

/** An opened kdump-compressed dump, one file or a split set, as plain data. */
export interface KdumpImage {
  readonly kind: "kdump";
  readonly littleEndian: boolean;
  /** Unit of bitmaps and descriptors: the page size, except in QEMU's dumps of arm64 and ppc64 (always 64 KiB). */
  readonly blockSize: number;
  /** The bits of a descriptor's flags that say how its page is packed. */
  readonly flagBits: number;
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /** Number of blocks that the bitmaps describe. */
  readonly maxMapnr: number;
  /** Number of the block that bit 0 stands for: 0, except for 32-bit ARM, where it is the start of memory. */
  readonly firstBlock: number;
  /** First bitmap: blocks that exist. Shared memory. */
  readonly exists: PageBitmap;
  /** Second bitmap: blocks that have a descriptor. Shared memory. */
  readonly dumped: PageBitmap;
  /**
   * Blocks whose content is in the files: the same as `dumped`, except for damaged dumps that are salvaged. Shared
   * memory.
   */
  readonly present: PageBitmap;
  /** Blocks that cannot be read count as blocks that the dump does not have. */
  readonly tolerant: boolean;
  /** Table of image.ts, shared memory. */
  readonly rank: Float64Array;
  /** Ascending by pfn, without gaps. */
  readonly parts: readonly KdumpPart[];
}

export interface KdumpPart {
  readonly source: SourceImage;
  readonly startPfn: number;
  readonly endPfn: number;
  /** File offset of the descriptor of the first dumped block at or above `startPfn`. */
  readonly descriptors: number;
}

/**
 * 512 bytes of bitmap: counting within a step takes 0.3 us at most, and the table takes 512 KiB per TiB of 4 KiB pages.
 */
const RANK_STEP = 4096;

/** Number of set bits of `dumped` before each RANK_STEP blocks that have a place. */
export function buildRank({ stretches, bytes }: PageBitmap): Float64Array {
  const steps = placesIn(stretches) / RANK_STEP + 1;
  const rank = new Float64Array(new SharedArrayBuffer(8 * steps));
  for (let i = 0; i + 1 < steps; i++) {
    rank[i + 1] = (rank[i] as number) + countBitsIn(bytes, i * RANK_STEP, (i + 1) * RANK_STEP);
  }
  return rank;
}

/** How many blocks below `pfn` have a descriptor. */
export function rankOf(image: KdumpImage, pfn: number): number {
  const { stretches, bytes } = image.dumped;
  const place = bitPlaceOf(stretches, pfn);
  const step = Math.floor(place / RANK_STEP);
  return (image.rank[step] as number) + countBitsIn(bytes, step * RANK_STEP, place);
}
