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

/** Bytes that `findInMemory` reads at once. A hit that lies across two pieces costs a second read. */
const PIECE = 1 << 20;

/** Bytes of memory that are searched whatever the files store: 8 GiB, some seconds if they are holes. */
const SEARCHED_FREELY = 2 ** 33;
/**
 * Beyond that, for each byte that the files store. Struct pages alone take a 64th of a machine's memory, and are not all
 * zeros. A file of some KB whose holes, or whose segments that share their bytes, claim terabytes has no kernel.
 */
const SEARCHED_PER_BYTE = 4096;

/** The most bytes of memory that a search reads. */
export function mostSearched({ held = Number.POSITIVE_INFINITY }: Pick<PhysicalMemory, "held">): number {
  return Math.max(SEARCHED_FREELY, SEARCHED_PER_BYTE * held);
}

/** What a search of memory found. */
export interface Found<T> {
  readonly all: T[];
  /** Where the search ended because the files store too little for so much memory. */
  readonly endedAt?: number;
}

/**
 * What `take` makes of the addresses at which memory has these bytes, `most` of them; it returns `undefined` for other
 * data that begin alike; `bytes` are not all zeros. Reads all memory that is stored, at the speed of the input, but no
 * more than `limit`.
 */
export function* findInMemory<T>(
  memory: PhysicalMemory,
  bytes: Buffer,
  most: number,
  take: (paddr: number) => T | undefined,
  limit = mostSearched(memory),
): LongWork<Found<T>> {
  const all: T[] = [];
  const piece = Buffer.alloc(PIECE + bytes.length - 1);
  const next = (from: number) => memory.nextStored?.(from) ?? memory.next(from);
  let searched = 0;
  let paddr = next(0);
  while (Number.isFinite(paddr) && all.length < most) {
    if (searched >= limit) return { all, endedAt: paddr };
    const length = memory.read(piece, paddr);
    const view = piece.subarray(0, length);
    for (let at = view.indexOf(bytes); at !== -1 && at < PIECE; at = view.indexOf(bytes, at + 1)) {
      const taken = take(paddr + at);
      if (taken !== undefined) all.push(taken);
      // A piece may be full of data that begin alike, and `take` reads up to 64 KiB for each.
      yield paddr;
    }
    yield paddr;
    const step = Math.max(Math.min(length, PIECE), 1);
    searched += step;
    paddr = next(paddr + step);
  }
  return { all };
}

/** The line that says where a search ended, and why. */
export function searchEnded(what: string, { endedAt = 0 }: Found<unknown>, { held = 0 }: PhysicalMemory): string {
  return `its memory was searched for ${what} up to 0x${endedAt.toString(16)} only: the files store ${held} bytes, too few for so much memory`;
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
