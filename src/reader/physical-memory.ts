import type { PageBitmap } from "./bitmap.js";

/** Physical memory of the dumped machine. */
export interface PhysicalMemory {
  /**
   * Copies memory from physical address `paddr` on into `into`. Returns how many bytes were copied before the first one
   * that the dump does not have. Throws `CORRUPT` and `CODEC_MISSING` for pages that cannot be decoded.
   */
  read(into: Uint8Array, paddr: number): number;
  /** The lowest address from `paddr` on that the dump has, or Infinity. */
  next(paddr: number): number;
  /**
   * The same, without memory that is all zeros by the dump's own word: an empty stretch of it may be larger than any
   * file. Absent: the dump names none, `next` will do.
   */
  nextStored?(paddr: number): number;
  /** Bytes that the files store for it. Absent: no fewer than a 4,096th of what is there. */
  readonly held?: number;
  /**
   * Translates an address in the page tables to a physical one, where they have other addresses (a paravirtualised Xen
   * domain: those of the host's memory); `undefined` if the address is not the machine's. Absent: page tables have
   * physical addresses.
   */
  physicalOf?(address: number): number | undefined;
}

/**
 * Copies whole pages into `into`. Bytes that the dump does not have read as zeros: segments of /proc/vmcore may begin
 * or end within a page.
 */
export function readPages(memory: PhysicalMemory, paddr: number, into: Uint8Array): void {
  let done = memory.read(into, paddr);
  while (done < into.length) {
    const next = Math.min(memory.next(paddr + done) - paddr, into.length);
    into.fill(0, done, next);
    done = next;
    if (done < into.length) done += memory.read(into.subarray(done), paddr + done);
  }
}

/** Physical addresses [start, end) in bytes. */
export interface PhysicalRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Which pages exist and which have data. Both bitmaps have the stretches that `stretchesOf` returns for the image; the
 * caller makes those that it wants, and bits are set in them.
 */
export interface PageBitmaps {
  /** The page is memory of the machine. */
  readonly exists?: PageBitmap;
  /** The dump has its content. A subset of `exists`. */
  readonly data: PageBitmap;
}
