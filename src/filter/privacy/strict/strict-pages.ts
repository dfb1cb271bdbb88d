import type { PageBitmap } from "../../../reader/bitmap.js";
import type { KernelWords } from "./kernel-words.js";

/** What becomes of a word, beside the mask of the bytes that stay. */
export const WORD = {
  /** The mask says all. */
  masked: 0,
  /** Numbers: the mask, and nothing if its eight bytes are characters. */
  number: 1,
  /** Stays if it is an address, a small number or a mark. */
  tested: 2,
  /** Of an array of numbers of 8 bytes: as `wide`, and nothing if four characters of it follow one another with no more than zeros around them. */
  list: 3,
  /** A number of 8 bytes: the mask, and nothing if it is larger than the kernel's times and addresses are. */
  wide: 4,
} as const;

/** Things whose bytes are known one by one, each in physical memory; they lie behind one another, `count` of them. */
export interface StrictObjects {
  /** Physical addresses of the first ones, ascending; no two records of a list lie over each other. */
  readonly start: Float64Array;
  readonly stride: Float64Array;
  readonly count: Float64Array;
  /** Which shape they have: an index of `shapes`, or `KEEP`. */
  readonly shape: Int32Array;
  /** Where in `StrictPages.free` the first one's state is; -1 where all are in use. */
  readonly free: Float64Array;
}

/** As `StrictObjects.shape`: all bytes stay. */
export const KEEP = -1;
/** As `StrictObjects.shape`: an object of no known type, of which only the size is of use. */
export const TESTED = -2;

/** The bytes of a type's objects. */
export interface ObjectShape {
  /** 255 for each byte that stays, 0 for others; as long as an object, in whole words. */
  readonly mask: Uint8Array;
  /** One of `WORD` a word. */
  readonly words: Uint8Array;
  /** Where a free object has its link to the next one, in bytes; -1: nowhere. */
  readonly link: number;
}

/** A shape in `StrictPages.masks`, in bytes: whole words. */
export interface ShapePlace {
  readonly at: number;
  readonly length: number;
  /** As `ObjectShape.link`. */
  readonly link: number;
}

/** What `--privacy strict` leaves of kept pages, as plain data for the workers. */
export interface StrictPages {
  readonly words: KernelWords;
  /** Pages that stay as they are: the kernel's image, its page tables and struct pages. One bit per pfn, in shared memory. */
  readonly asIs: PageBitmap;
  readonly shapes: readonly ShapePlace[];
  /** All shapes' masks one behind the other, and what becomes of their words. In shared memory. */
  readonly masks: Uint8Array;
  readonly kinds: Uint8Array;
  /** Later lists go over earlier ones. */
  readonly objects: readonly StrictObjects[];
  /** A byte an object of slabs: not 0 if it is free. In shared memory. */
  readonly free: Uint8Array;
}
