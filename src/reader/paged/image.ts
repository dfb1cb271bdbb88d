import type { Extents } from "../extents.js";
import type { SourceImage } from "../source/source-image.js";
import type { PageIndex } from "./page-index.js";

/** An opened file that stores pages one by one (a QEMU migration stream, an LKCD dump), as plain data. */
export interface PagedImage {
  readonly kind: "paged";
  readonly source: SourceImage;
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /** Bytes of a page of the index. */
  readonly unit: number;
  /** Physical bytes and where they lie in the index: byte 0 of its page n is `n * unit`. Whole pages of the index. */
  readonly memory: Extents;
  readonly index: PageIndex;
  /** Packed pages are LKCD's records, each with a head of 16 bytes; if not, QEMU's. */
  readonly records?: { readonly littleEndian: boolean; readonly isRle: boolean };
  /** Pages that nothing is told of are zeros. If not, they are as if the dump did not have them: it is cut off. */
  readonly untoldAreZero: boolean;
  /** Pages that cannot be read are as if they were not there. */
  readonly tolerant: boolean;
}

/** The head of one of LKCD's records: u64 address, u32 bytes of data, u32 flags. */
export const RECORD_HEAD = 16;
