import { DumpError } from "../errors.js";

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

/** Refuses a number of pages that no bitmap can hold, before anything is allocated. Throws `LIMIT`. */
export function checkPageCount(pages: number, file: string): void {
  if (pages <= MAX_PAGES) return;
  throw new DumpError("LIMIT", `${pages} pages; at most ${MAX_PAGES} are allowed`, {
    file,
    cure: "A physical address or max_mapnr in its headers is damaged",
  });
}
