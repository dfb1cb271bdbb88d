import type { PageBitmap } from "../bitmap.js";
import type { SourceImage } from "../source/source-image.js";

/** An opened kdump-compressed dump, one file or a split set, as plain data. */
export interface KdumpImage {
  readonly kind: "kdump";
  readonly littleEndian: boolean;
  /** Unit of bitmaps and descriptors: the page size, except in QEMU's dumps of arm64 and ppc64 (always 64 KiB). */
  readonly blockSize: number;
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
  /** Table of rank.ts, shared memory. */
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
