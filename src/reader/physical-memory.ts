import type { LongWork } from "../long-work.js";
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

/** Bytes that `findInMemory` reads at once. A hit that lies across two pieces costs a second read. */
const PIECE = 1 << 20;

/**
 * What `take` makes of the addresses at which memory has these bytes, `most` of them; it returns `undefined` for other
 * data that begin alike; `bytes` are not all zeros. Reads all memory that is stored, at the speed of the input.
 */
export function* findInMemory<T>(
  memory: PhysicalMemory,
  bytes: Buffer,
  most: number,
  take: (paddr: number) => T | undefined,
): LongWork<T[]> {
  const found: T[] = [];
  const piece = Buffer.alloc(PIECE + bytes.length - 1);
  const next = (from: number) => memory.nextStored?.(from) ?? memory.next(from);
  let paddr = next(0);
  while (Number.isFinite(paddr) && found.length < most) {
    const length = memory.read(piece, paddr);
    const view = piece.subarray(0, length);
    for (let at = view.indexOf(bytes); at !== -1 && at < PIECE; at = view.indexOf(bytes, at + 1)) {
      const taken = take(paddr + at);
      if (taken !== undefined) found.push(taken);
      // A piece may be full of data that begin alike, and `take` reads up to 64 KiB for each.
      yield paddr;
    }
    yield paddr;
    paddr = next(paddr + Math.max(Math.min(length, PIECE), 1));
  }
  return found;
}

/** Physical addresses [start, end) in bytes. */
export interface PhysicalRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Which pages exist and which have data. Both bitmaps have the stretches that `stretchesOf` returns for the image; the
 * caller makes them, and bits are set in them.
 */
export interface PageBitmaps {
  /** The page is memory of the machine. */
  readonly exists: PageBitmap;
  /** The dump has its content. A subset of `exists`. */
  readonly data: PageBitmap;
}
