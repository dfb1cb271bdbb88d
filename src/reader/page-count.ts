import { DumpError } from "../errors.js";
import type { Extents } from "./extents.js";

/**
 * 2^35 pages: 128 TiB of 4 KiB pages, and 4 GiB for each bitmap, the largest array that every Node supports. Larger
 * numbers come from damaged headers.
 */
export const MAX_PAGES = 2 ** 35;

/**
 * The number of pages that any file may claim to describe, however small it is: 2 TiB of 4 KiB pages, 64 MiB for each
 * bitmap.
 */
const CLAIMED_FREELY = 2 ** 29;
/**
 * Above that a file may claim this many pages per byte of its own. Even a dump without all pages that can be dropped
 * has a hundred times more bytes: kernel text, slab, page tables. So a file of a few bytes cannot ask for gigabytes,
 * and a dump of a machine with 64 TiB (bitmaps of 2 GiB) is opened from 64 MiB on.
 */
const CLAIMED_PER_BYTE = 256;

/** The most pages of memory that a dump of `held` bytes may describe. */
export function mostPages(held: number): number {
  return Math.min(MAX_PAGES, Math.max(CLAIMED_FREELY, CLAIMED_PER_BYTE * held));
}

/**
 * Refuses a number of pages that is not credible for a dump of `held` bytes, before anything is allocated. Gaps without
 * pages need not be counted, because bitmaps have no place for them (stretches.ts). Throws `LIMIT`.
 */
export function checkClaim(pages: number, held: number, file: string): void {
  const most = mostPages(held);
  if (pages <= most) return;
  const what = `claims ${pages} pages of memory, but holds ${held} bytes; at most ${most} are believed`;
  throw new DumpError("LIMIT", what, { file, cure: "A physical address, size or max_mapnr in its headers is damaged" });
}

/** Bytes of data that any file may have for memory, however few it stores: 8 GiB, which takes a run some seconds. */
const DATA_FREELY = 2 ** 33;
/**
 * Above that, for each byte that it stores: the others are zeros, holes, gaps of a flattened file, or bytes that several segments share. Struct
 * pages alone are a 64th of a machine's memory; LZ4 packs those of free memory to a 200th (spool files), and these two are 12,800.
 */
const DATA_PER_BYTE = 65_536;

/** The most bytes of data for memory that a file has that stores `held` bytes. */
export function mostData(held: number): number {
  return Math.max(DATA_FREELY, DATA_PER_BYTE * held);
}

/**
 * Refuses data, or memory that a file says is zeros, that take hours to read and cannot be a kernel's memory: a file of a few KB whose holes, shared bytes or zeros are terabytes of
 * it. Throws `LIMIT`.
 */
export function checkData(data: Extents, held: number, file: string): void {
  let bytes = 0;
  for (let i = 0; i < data.count; i++) bytes += (data.end[i] as number) - (data.start[i] as number);
  if (bytes <= mostData(held)) return;
  throw new DumpError(
    "LIMIT",
    `claims ${bytes} bytes of data, but stores ${held}; at most ${mostData(held)} are believed`,
    {
      file,
      cure: "The file was not written or copied to the end, or sizes in its headers are damaged",
    },
  );
}

/** Refuses a number of pages that no bitmap can hold, before anything is allocated. Throws `LIMIT`. */
export function checkPageCount(pages: number, file: string): void {
  if (pages <= MAX_PAGES) return;
  throw new DumpError("LIMIT", `${pages} pages; at most ${MAX_PAGES} are allowed`, {
    file,
    cure: "A physical address or max_mapnr in its headers is damaged",
  });
}
