import { DumpError } from "../errors.js";

/**
 * 2^35 pages: 128 TiB of 4 KiB pages, and 4 GiB for each bitmap, the largest array that every Node has. Larger numbers
 * come from damaged headers.
 */
export const MAX_PAGES = 2 ** 35;

/** Refuses numbers of pages that no bitmap can hold, before anything is allocated. Throws `LIMIT`. */
export function checkPageCount(pages: number, file: string): void {
  if (pages <= MAX_PAGES) return;
  throw new DumpError("LIMIT", `${pages} pages; at most ${MAX_PAGES} are possible`, {
    file,
    cure: "A physical address or max_mapnr in its headers is damaged",
  });
}
