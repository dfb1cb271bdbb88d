import { IN_SHEAF } from "../../../kernel/objects/slab-walk.js";
import { type PageBitmap, testBit } from "../../../reader/bitmap.js";
import { firstIndex } from "../../../reader/first-index.js";
import {
  isFourCharacters,
  isKernelNumber,
  isShortText,
  type KernelWords,
  type WordTest,
  wordTest,
} from "./kernel-words.js";

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

/** Overwrites with zeros what of pages is not the kernel's own numbers and addresses. */
export interface StrictFilter {
  /** Bytes that were not 0 and are now. */
  readonly cleared: number;
  /** A run of pages that begins with `pfn`. */
  clear(bytes: Uint8Array, pfn: number): void;
}

export function strictFilter(strict: StrictPages, pageSize: number): StrictFilter {
  return new PageFilter(strict, pageSize);
}

class PageFilter implements StrictFilter {
  cleared = 0;
  readonly #strict: StrictPages;
  readonly #pageSize: number;
  readonly #test: WordTest;
  /** What becomes of the page at hand. */
  readonly #mask: Uint8Array;
  readonly #masks: Uint32Array;
  readonly #words: Uint8Array;
  /** Indexes of the first half of a word with the upper bytes, and of the other one. */
  readonly #high: number;

  constructor(strict: StrictPages, pageSize: number) {
    this.#strict = strict;
    this.#pageSize = pageSize;
    this.#test = wordTest(strict.words);
    this.#mask = new Uint8Array(pageSize);
    this.#masks = new Uint32Array(this.#mask.buffer);
    this.#words = new Uint8Array(pageSize / strict.words.wordSize);
    this.#high = strict.words.littleEndian ? 1 : 0;
  }

  clear(bytes: Uint8Array, pfn: number): void {
    const size = this.#pageSize;
    for (let at = 0; at + size <= bytes.length; at += size) {
      const page = bytes.subarray(at, at + size);
      if (this.#paint(pfn + at / size)) this.#apply(page);
    }
  }

  /** Says of each byte of a page what becomes of it; false: all stay. */
  #paint(pfn: number): boolean {
    const from = pfn * this.#pageSize;
    const asIs = testBit(this.#strict.asIs, pfn);
    let touched = !asIs;
    this.#mask.fill(255);
    this.#words.fill(asIs ? WORD.masked : WORD.tested);
    for (const list of this.#strict.objects) {
      const to = from + this.#pageSize;
      const { start, stride, count } = list;
      let i = firstIndex(
        start.length,
        (k) => (start[k] as number) + (stride[k] as number) * (count[k] as number) > from,
      );
      for (; i < start.length && (start[i] as number) < to; i++) {
        touched = true;
        this.#paintRecord(list, i, from);
      }
    }
    return touched;
  }

  #paintRecord({ start, stride, count, shape, free }: StrictObjects, i: number, from: number): void {
    const [first, every, number] = [start[i] as number, stride[i] as number, count[i] as number];
    const index = shape[i] as number;
    if (index === KEEP) {
      this.#keep(first - from, first + every * number - from);
      return;
    }
    if (index === TESTED) return;
    const form = this.#strict.shapes[index] as ShapePlace;
    const states = free[i] as number;
    const to = from + this.#pageSize;
    for (let k = Math.max(0, Math.floor((from - first) / every)); k < number; k++) {
      const at = first + k * every;
      if (at >= to) return;
      const state = states >= 0 ? (this.#strict.free[states + k] as number) : 0;
      // One in a sheaf is on no list: where others have their link it has what was there before.
      if (state !== 0) this.#paintFree(state === IN_SHEAF ? -1 : form.link, at - from, every);
      else this.#paintObject(form, at - from, every);
    }
  }

  /** All of it is 0 by then but for the link, which may be mixed with a number. */
  #paintFree(link: number, at: number, length: number): void {
    const { wordSize } = this.#strict.words;
    const page = this.#pageSize;
    for (let byte = Math.max(0, at); byte < Math.min(page, at + length); byte += wordSize) {
      const isLink = link >= 0 && byte === at + link;
      this.#words[byte / wordSize] = isLink ? WORD.masked : WORD.tested;
      this.#mask.fill(255, byte, byte + wordSize);
    }
  }

  #paintObject({ at: shape, length }: ShapePlace, at: number, most: number): void {
    const { masks, kinds, words } = this.#strict;
    const { wordSize } = words;
    const begin = Math.max(0, -at);
    const end = Math.min(length, most, this.#pageSize - at);
    for (let byte = begin; byte < end; byte++) this.#mask[at + byte] = masks[shape + byte] as number;
    const first = shape / wordSize;
    for (let word = begin / wordSize; word < end / wordSize; word++) {
      this.#words[at / wordSize + word] = kinds[first + word] as number;
    }
  }

  /** Bytes [from, to) stay; what is beside them in their words, and was tested as a whole, goes. */
  #keep(from: number, to: number): void {
    const { wordSize } = this.#strict.words;
    const [begin, end] = [Math.max(0, from), Math.min(to, this.#pageSize)];
    for (const at of [begin, end]) {
      const word = Math.floor(at / wordSize);
      if (at % wordSize === 0 || this.#words[word] === WORD.masked) continue;
      this.#mask.fill(0, word * wordSize, (word + 1) * wordSize);
      this.#words[word] = WORD.masked;
    }
    this.#mask.fill(255, begin, end);
    this.#words.fill(WORD.masked, Math.floor(begin / wordSize), Math.ceil(end / wordSize));
  }

  #apply(page: Uint8Array): void {
    const halves = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
    if (this.#strict.words.wordSize === 8) this.#applyWords(halves);
    else this.#applyHalves(halves);
  }

  #applyWords(halves: Uint32Array): void {
    const [masks, words, test, high] = [this.#masks, this.#words, this.#test, this.#high];
    const { littleEndian } = this.#strict.words;
    let cleared = 0;
    /** The word before was two characters of 4 bytes each. */
    let wide = false;
    for (let word = 0, i = 0; word < words.length; word++, i += 2) {
      const [first, second] = [halves[i] as number, halves[i + 1] as number];
      if (first === 0 && second === 0) {
        wide = false;
        continue;
      }
      const what = words[word];
      let stays = true;
      if (what === WORD.tested) {
        const low = high === 1 ? first : second;
        const upper = high === 1 ? second : first;
        stays = littleEndian ? test(upper, low) : test(swapped(upper), swapped(low));
        const isWide = isCharacter(first, littleEndian) && isCharacter(second, littleEndian);
        if (isWide && wide) {
          stays = false;
          cleared += bytesIn(halves[i - 2] as number) + bytesIn(halves[i - 1] as number);
          halves[i - 2] = 0;
          halves[i - 1] = 0;
        }
        wide = isWide;
      } else {
        wide = false;
        if (what !== WORD.masked) stays = !(isFourCharacters(first) && isFourCharacters(second));
        if (what === WORD.list || what === WORD.wide) {
          const upper = high === 1 ? second : first;
          stays &&= isKernelNumber(littleEndian ? upper : swapped(upper));
          if (what === WORD.list) stays &&= !isShortText(first, second, littleEndian);
        }
      }
      const left = stays ? first & (masks[i] as number) : 0;
      const right = stays ? second & (masks[i + 1] as number) : 0;
      if (left >>> 0 === first && right >>> 0 === second) continue;
      cleared += bytesIn(first ^ left) + bytesIn(second ^ right);
      halves[i] = left;
      halves[i + 1] = right;
    }
    this.cleared += cleared;
  }

  #applyHalves(halves: Uint32Array): void {
    const [masks, words, test] = [this.#masks, this.#words, this.#test];
    const { littleEndian } = this.#strict.words;
    for (let i = 0; i < words.length; i++) {
      const value = halves[i] as number;
      if (value === 0) continue;
      let stays = true;
      if (words[i] === WORD.tested) stays = test(0, littleEndian ? value : swapped(value));
      else if (words[i] !== WORD.masked) stays = !isFourCharacters(value);
      const left = stays ? value & (masks[i] as number) : 0;
      if (left >>> 0 === value) continue;
      this.cleared += bytesIn(value ^ left);
      halves[i] = left;
    }
  }
}

/** A character of 4 bytes, as UTF-32 has the letters of ASCII. */
function isCharacter(half: number, littleEndian: boolean): boolean {
  const value = littleEndian ? half : swapped(half);
  return value >= 0x20 && value < 0x7f;
}

function swapped(half: number): number {
  return ((half << 24) | ((half & 0xff00) << 8) | ((half >>> 8) & 0xff00) | (half >>> 24)) >>> 0;
}

/** How many of four bytes are not 0. */
function bytesIn(half: number): number {
  return (
    Number((half & 0xff) !== 0) +
    Number((half & 0xff00) !== 0) +
    Number((half & 0xff0000) !== 0) +
    Number((half & 0xff000000) !== 0)
  );
}
