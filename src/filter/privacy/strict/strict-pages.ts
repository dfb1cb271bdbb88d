import type { PageBitmap } from "../../../reader/bitmap.js";
import type { KernelWords } from "./kernel-words.js";

/** What happens to a word, in addition to the mask of kept bytes. */
export const WORD = {
  /** Only the mask counts. */
  masked: 0,
  /** Numbers: the mask; and all zeros if its eight bytes are characters. */
  number: 1,
  /** Kept if it is an address, a small number or a mark. */
  tested: 2,
  /**
   * In an array of numbers of 8 bytes: like `wide`; and all zeros if four of its characters follow one another with
   * only zeros around them.
   */
  list: 3,
  /** A number of 8 bytes: the mask; and all zeros if it is larger than the kernel's times and addresses. */
  wide: 4,
} as const;

/** Objects whose bytes are known, each in physical memory; `count` of them, one behind the other. */
export interface StrictObjects {
  /** Physical addresses of the first ones, ascending; the records of a list do not overlap. */
  readonly start: Float64Array;
  readonly stride: Float64Array;
  readonly count: Float64Array;
  /** Their shape: an index of `shapes`, or `KEEP`, or `TESTED`. */
  readonly shape: Int32Array;
  /** The index in `StrictPages.free` of the first one's state; -1 if all are in use. */
  readonly free: Float64Array;
}

/** A value of `StrictObjects.shape`: all bytes are kept. */
export const KEEP = -1;
/** A value of `StrictObjects.shape`: an object of unknown type, of which only the size is used. */
export const TESTED = -2;

/** The bytes of a type's objects. */
export interface ObjectShape {
  /** 255 for each byte that is kept, 0 for others; as long as an object, in whole words. */
  readonly mask: Uint8Array;
  /** One value of `WORD` per word. */
  readonly words: Uint8Array;
  /** Offset of a free object's link to the next one, in bytes; -1: none. */
  readonly link: number;
}

/** The place of a shape in `StrictPages.masks`, in bytes: whole words. */
export interface ShapePlace {
  readonly at: number;
  readonly length: number;
  /** As `ObjectShape.link`. */
  readonly link: number;
}

/** What `--privacy strict` keeps in kept pages, as plain data for the workers. */
export interface StrictPages {
  readonly words: KernelWords;
  /**
   * Pages that are kept unchanged: the kernel's image, its page tables and struct pages. One bit per pfn, in shared
   * memory.
   */
  readonly asIs: PageBitmap;
  readonly shapes: readonly ShapePlace[];
  /** The masks of all shapes, one behind the other, and the kinds of their words. In shared memory. */
  readonly masks: Uint8Array;
  readonly kinds: Uint8Array;
  /** Later lists override earlier ones. */
  readonly objects: readonly StrictObjects[];
  /** A byte per object of slabs: not 0 if it is free. In shared memory. */
  readonly free: Uint8Array;
}
