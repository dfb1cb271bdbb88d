import type { Needle } from "./searcher.js";

/** The least bytes of each half: fewer are at the border of many pages by chance. */
const LEAST_HALF = 4;
/** Longer strings are not searched for in halves, because every place of a page would have to be checked. */
const LONGEST = 256;

/**
 * Receives a found half: the string's index, how many of its bytes are before the border, and whether this is the half
 * behind it.
 */
export type FoundHalf = (needle: number, before: number, behind: boolean) => void;

/** A bit for the last four bytes of a first half, or the first four of a second half. */
const TABLE_BITS = 16;
const slotOf = (word: number): number => Math.imul(word, 0x9e37_79b1) >>> (32 - TABLE_BITS);

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/**
 * Finds halves of byte strings at the borders of pages, because bytes that are contiguous in a process or in virtual
 * memory need not be contiguous in physical memory. Costs up to 1 µs per page, less for short strings.
 */
export class SplitNeedles {
  readonly #needles: readonly Uint8Array[];
  readonly #index: readonly number[];
  readonly #heads = new Map<number, number[]>();
  readonly #tails = new Map<number, number[]>();
  readonly #table = new Uint8Array(1 << TABLE_BITS);
  readonly #longest: number;

  constructor(needles: readonly Needle[]) {
    const used = [...needles.entries()].filter(
      ([, { bytes }]) => bytes.length >= 2 * LEAST_HALF && bytes.length <= LONGEST,
    );
    this.#index = used.map(([index]) => index);
    this.#needles = used.map(([, { bytes }]) => bytes);
    this.#longest = this.#needles.reduce((most, bytes) => Math.max(most, bytes.length), 0);
    this.#needles.forEach((bytes, i) => {
      this.#add(this.#heads, wordAt(bytes, 0), i, 1);
      this.#add(this.#tails, wordAt(bytes, bytes.length - 4), i, 2);
    });
  }

  #add(map: Map<number, number[]>, word: number, needle: number, mark: number): void {
    map.set(word, [...(map.get(word) ?? []), needle]);
    const slot = slotOf(word);
    this.#table[slot] = (this.#table[slot] as number) | mark;
  }

  page(page: Uint8Array, found: FoundHalf): void {
    const reach = Math.min(this.#longest - LEAST_HALF, page.length);
    if (reach < LEAST_HALF) return;
    const table = this.#table;
    for (let at = page.length - reach; at <= page.length - LEAST_HALF; at++) {
      const word = wordAt(page, at);
      if (((table[slotOf(word)] as number) & 1) === 0) continue;
      const length = page.length - at;
      for (const needle of this.#heads.get(word) ?? []) {
        const bytes = this.#needles[needle] as Uint8Array;
        if (length <= bytes.length - LEAST_HALF && isSame(page, at, bytes, 0, length)) {
          found(this.#index[needle] as number, length, false);
        }
      }
    }
    for (let length = LEAST_HALF; length <= reach; length++) {
      const word = wordAt(page, length - 4);
      if (((table[slotOf(word)] as number) & 2) === 0) continue;
      for (const needle of this.#tails.get(word) ?? []) {
        const bytes = this.#needles[needle] as Uint8Array;
        const before = bytes.length - length;
        if (before >= LEAST_HALF && isSame(page, 0, bytes, before, length)) {
          found(this.#index[needle] as number, before, true);
        }
      }
    }
  }
}

function isSame(page: Uint8Array, at: number, bytes: Uint8Array, from: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (page[at + i] !== bytes[from + i]) return false;
  return true;
}
