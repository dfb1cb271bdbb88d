import { testBit } from "../../../reader/bitmap.js";
import { firstIndex } from "../../../sorted.js";
import { loadStrictModule, type StrictModule, type WasmMemory } from "../../wasm/load.js";
import { KEEP, type ShapePlace, type StrictObjects, type StrictPages, TESTED, WORD } from "./strict-pages.js";
import { placesOf } from "./strict-tables.js";

/** Overwrites with zeros everything in pages except the kernel's own numbers and addresses. */
export interface StrictFilter {
  /** Bytes that were set to 0. */
  readonly cleared: number;
  /**
   * Overwrites a run of pages at an address of the memory, beginning with `pfn`. `scratch`: room for `strictScratch`
   * bytes there.
   */
  clear(at: number, pages: number, pfn: number, scratch: number): void;
}

/** Bytes of a filter's scratch. */
export function strictScratch(pageSize: number): number {
  // The mask, a byte per word, and a byte for each object of a record; an object has at least one word.
  return pageSize + 2 * (pageSize / 4 + 8);
}

/** `tables`: the address to which `writeStrictTables` wrote. */
export function strictFilter(strict: StrictPages, pageSize: number, memory: WasmMemory, tables: number): StrictFilter {
  return new PageFilter(strict, pageSize, memory, tables);
}

/** The addresses of a page's mask and states, and the physical address of its first byte. */
interface PageAt {
  readonly from: number;
  readonly scratch: number;
}

class PageFilter implements StrictFilter {
  cleared = 0;
  readonly #strict: StrictPages;
  readonly #pageSize: number;
  readonly #module: StrictModule;
  readonly #bytes: Uint8Array;
  readonly #places: { readonly addresses: number; readonly masks: number; readonly kinds: number };
  /** For each list of objects, the first one that does not end before the last page. */
  readonly #next: number[];

  constructor(strict: StrictPages, pageSize: number, memory: WasmMemory, tables: number) {
    this.#strict = strict;
    this.#pageSize = pageSize;
    this.#module = loadStrictModule(memory);
    this.#bytes = new Uint8Array(memory.buffer);
    const { addresses, masks, kinds } = placesOf(strict);
    this.#places = { addresses: tables + addresses, masks: tables + masks, kinds: tables + kinds };
    this.#next = strict.objects.map(() => 0);
  }

  clear(at: number, pages: number, pfn: number, scratch: number): void {
    const { wordSize, littleEndian, addresses, signature } = this.#strict.words;
    const size = this.#pageSize;
    const count = addresses.length / 2;
    for (let i = 0; i < pages; i++) {
      if (!this.#paint(pfn + i, scratch)) continue;
      const page = at + i * size;
      const { addresses: table } = this.#places;
      this.cleared += this.#module.apply(page, scratch, size, wordSize, littleEndian ? 1 : 0, table, count, signature);
    }
  }

  /** Decides about each byte of a page; false: all are kept. */
  #paint(pfn: number, scratch: number): boolean {
    const size = this.#pageSize;
    const from = pfn * size;
    const asIs = testBit(this.#strict.asIs, pfn);
    let touched = false;
    const touch = () => {
      if (touched) return;
      touched = true;
      this.#module.begin(scratch, size, this.#strict.words.wordSize, asIs ? WORD.masked : WORD.tested);
    };
    if (!asIs) touch();
    const { objects } = this.#strict;
    for (let n = 0; n < objects.length; n++) {
      const list = objects[n] as StrictObjects;
      for (let i = this.#firstOf(n, from); i < list.start.length && (list.start[i] as number) < from + size; i++) {
        touch();
        this.#paintRecord(list, i, { from, scratch });
      }
    }
    return touched;
  }

  /** The first record of a list that ends behind `from`. Most calls have ascending addresses. */
  #firstOf(n: number, from: number): number {
    const { start, stride, count } = this.#strict.objects[n] as StrictObjects;
    const endOf = (k: number) => (start[k] as number) + (stride[k] as number) * (count[k] as number);
    let i = this.#next[n] as number;
    if (i > 0 && endOf(i - 1) > from) i = 0;
    for (let steps = 0; i < start.length && endOf(i) <= from; i++) {
      if (steps++ < NEAR) continue;
      const first = i;
      i += firstIndex(start.length - first, (k) => endOf(first + k) > from);
      break;
    }
    this.#next[n] = i;
    return i;
  }

  #paintRecord({ start, stride, count, shape, free }: StrictObjects, i: number, { from, scratch }: PageAt): void {
    const size = this.#pageSize;
    const { wordSize } = this.#strict.words;
    const [first, every, number] = [start[i] as number, stride[i] as number, count[i] as number];
    const index = shape[i] as number;
    if (index === KEEP) {
      const [begin, end] = [Math.max(0, first - from), Math.min(size, first + every * number - from)];
      this.#module.keep(scratch, size, wordSize, begin, end);
      return;
    }
    if (index === TESTED) return;
    const { at, length, link } = this.#strict.shapes[index] as ShapePlace;
    const skip = Math.max(0, Math.floor((from - first) / every));
    const begin = first + skip * every - from;
    const objects = Math.min(number - skip, Math.ceil((size - begin) / every));
    const states = free[i] as number;
    let statesAt = 0;
    if (states >= 0) {
      statesAt = scratch + size + size / 4 + 8;
      this.#bytes.set(this.#strict.free.subarray(states + skip, states + skip + objects), statesAt);
    }
    const [mask, kinds] = [this.#places.masks + at, this.#places.kinds + Math.floor(at / wordSize)];
    this.#module.paint(scratch, size, wordSize, begin, every, objects, mask, kinds, length, link, statesAt);
  }
}

/** The most records that are skipped one by one before a binary search. */
const NEAR = 4;
