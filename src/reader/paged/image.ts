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
  /**
   * Physical bytes, and where they are in the index: `source` n * `unit` is byte 0 of its page n. Whole pages of the
   * index.
   */
  readonly memory: Extents;
  readonly index: PageIndex;
  /** Present if packed pages are LKCD's records, each with a head of 16 bytes; absent if they are QEMU's. */
  readonly records?: { readonly littleEndian: boolean; readonly isRle: boolean };
  /**
   * Whether pages that the index does not list are zeros. Otherwise the dump does not have them, because it is cut off.
   */
  readonly unlistedAreZero: boolean;
  /** Pages that cannot be read count as pages that the dump does not have. */
  readonly tolerant: boolean;
}

/** The head of one of LKCD's records: u64 address, u32 bytes of data, u32 flags. */
export const RECORD_HEAD = 16;
