import { endianness } from "node:os";
import { CACHE, CACHE_PRIVATE, FREE, HWPOISON, OFFLINE, USER } from "./page-classes.js";
import type { HugetlbMark, OrderField, PageLayout } from "./page-layout.js";
import type { Policy } from "./policy.js";

/**
 * A piece of the struct page array: `words[0]` is the first word of the struct page of the pfn `firstPfn`, whatever
 * array it lies in. Words are as they lie in memory, in the dumped machine's byte order.
 */
export interface PageBatch {
  readonly words: Uint32Array;
  /** A multiple of 8. */
  readonly firstPfn: number;
  /** Struct pages [from, to) of the batch are there. */
  readonly from: number;
  readonly to: number;
  /** Bitmap of the pages to look at; bit 0 is `firstPfn`. Others are passed over as if they were not there. */
  readonly present: Uint8Array;
}

/** Classifies one batch after the other. */
export interface Classifier {
  /**
   * Sets `classes[i]` for pages that are to be dropped; the others stay as they are (set them to KEPT before). Returns
   * the index behind the last page looked at: above `batch.to` when a free block or compound page reaches beyond it,
   * and then `rest` says what the pages beyond are.
   */
  classify(batch: PageBatch, classes: Uint8Array): number;
  /** Class of the pages between `batch.to` and the returned index. */
  readonly rest: number;
  /** Buddy pages whose order was impossible; they were kept. */
  readonly badOrders: number;
}

const LOW_BYTE_IS_FIRST = endianness() === "LE";
/** No kernel has buddy blocks above 2^20 pages; used where LENGTH(zone.free_area) is not exported. */
const MAX_ORDERS = 21;

/**
 * Makes the classifier of one kernel and policy. The order of tests is makedumpfile's:
 *
 * 1. tails of compound pages are what their head is; 2. buddy pages, then unaccepted memory, in blocks; 3. page cache;
 * 4. user pages; 5. pages with memory errors; 6. offline pages. Cache, user, hwpoison and offline pages are dropped with
 * all tails of their compound page. A page whose class the policy keeps is tested on: a poisoned user page is user data
 * when user data go, else hwpoison.
 *
 * The masks are turned into the dump's byte order once, so that words need not be. Costs about 5 ns per struct page
 * (64 bytes, 3 to 4 words of it loaded), less for blocks.
 */
export function createClassifier(layout: PageLayout, policy: Policy): Classifier {
  const swapped = layout.littleEndian !== LOW_BYTE_IS_FIRST;
  const native = (value: number) => (swapped ? swap32(value) : value) | 0;
  const stride = layout.size / 4;
  /** Index of the word with the low 32 bits of an unsigned long. */
  const low = (offset: number) => offset / 4 + (layout.wordSize === 8 && !layout.littleEndian ? 1 : 0);
  const mask = (bit: number | undefined) => (bit === undefined ? 0 : native((1 << bit) >>> 0));

  const flagsAt = low(layout.offset.flags);
  const mappingAt = low(layout.offset.mapping);
  const tailAt = low(layout.offset.compoundHead ?? 0);
  const mapcountAt = (layout.offset.mapcount ?? 0) / 4;
  const tailBit = layout.offset.compoundHead === undefined ? 0 : native(1);
  const anonBit = native(1);
  const lru = mask(layout.bit.lru);
  const privateFlag = mask(layout.bit.private);
  const swapcache = mask(layout.bit.swapcache);
  const swapbacked = layout.bit.swapbacked === undefined ? swapcache : mask(layout.bit.swapbacked);
  const slabFlag = mask(layout.bit.slab);
  const hwpoison = mask(layout.bit.hwpoison);
  const head = layout.headMask === undefined ? 0 : native(layout.headMask);
  const buddyFlag = mask(layout.bit.buddy);

  // A type that the kernel does not have must equal no word: words are 32 bits, NaN equals nothing.
  const known = layout.offset.mapcount !== undefined;
  const typed = (value: number | undefined) => (known && value !== undefined ? native(value) : Number.NaN);
  const slabType = typed(layout.type.slab);
  const offlineType = typed(layout.type.offline);
  const hugetlbType = typed(layout.type.hugetlb);
  const hasOrder = layout.offset.private !== undefined;
  const freeType = policy.free && hasOrder ? typed(layout.type.buddy) : Number.NaN;
  const freeFlag = policy.free && hasOrder ? buddyFlag : 0;
  const unacceptedType = policy.free && layout.orders !== undefined ? typed(layout.type.unaccepted) : Number.NaN;
  const orders = layout.orders ?? MAX_ORDERS;

  const dropCache = policy.cache || policy.cachePrivate;
  const state = { rest: 0, badOrders: 0 };

  const freePages = (words: Uint32Array, at: number, pfn: number): number => {
    const order = readNumber(words, at, layout.offset.private as number, layout.wordSize, layout.littleEndian, swapped);
    if (order < orders && pfn % 2 ** order === 0) return 2 ** order;
    state.badOrders++;
    return 0;
  };
  const compound = compoundReader(layout, swapped);

  return {
    get rest() {
      return state.rest;
    },
    get badOrders() {
      return state.badOrders;
    },
    classify({ words, firstPfn, from, to, present }, classes) {
      let i = from;
      while (i < to) {
        const bits = present[i >> 3] as number;
        if (bits === 0) {
          i = Math.min(i + 8 - (i & 7), to);
          continue;
        }
        if (((bits >> (i & 7)) & 1) === 0) {
          i++;
          continue;
        }
        const at = i * stride;
        if (((words[at + tailAt] as number) & tailBit) !== 0) {
          i++;
          continue;
        }
        const flags = words[at + flagsAt] as number;
        const mapcount = (words[at + mapcountAt] as number) | 0;
        const slab = (flags & slabFlag) !== 0 || mapcount === slabType;
        let pages = 1;
        let found: number;
        if ((mapcount === freeType && !slab) || (flags & freeFlag) !== 0) {
          pages = freePages(words, at, firstPfn + i);
          if (pages === 0) {
            i++;
            continue;
          }
          found = FREE;
        } else if (mapcount === unacceptedType) {
          pages = 2 ** (orders - 1);
          found = FREE;
        } else {
          const isHead = (flags & head) !== 0 && i + 1 < to;
          const anon = ((words[at + mappingAt] as number) & anonBit) !== 0 && !slab;
          const cached = (flags & lru) !== 0 || ((flags & swapcache) !== 0 && (flags & swapbacked) !== 0);
          const hasPrivate = (flags & privateFlag) !== 0;
          if (isHead) pages = compound.pages(words, at + stride, firstPfn + i);
          if (dropCache && cached && !anon && (policy.cachePrivate || !hasPrivate)) {
            found = hasPrivate ? CACHE_PRIVATE : CACHE;
          } else if (
            policy.user &&
            (anon || (isHead && pages > 1 && (mapcount === hugetlbType || compound.isHugetlb(words, at + stride))))
          ) {
            found = USER;
          } else if ((flags & hwpoison) !== 0) {
            found = HWPOISON;
          } else if (mapcount === offlineType && !slab) {
            found = OFFLINE;
          } else {
            i++;
            continue;
          }
        }
        const end = i + pages;
        if (pages === 1) classes[i] = found;
        else classes.fill(found, i, Math.min(end, to));
        if (end > to) state.rest = found;
        i = end;
      }
      return i;
    },
  };
}

interface CompoundReader {
  /** Pages of the compound page whose second struct page starts at word `at`; 1 if its order makes no sense. */
  pages(words: Uint32Array, at: number, pfn: number): number;
  /** Whether page[1] says that it is a hugetlb page. */
  isHugetlb(words: Uint32Array, at: number): boolean;
}

/** Compound pages are few among the pages looked at (their tails are passed over), so this need not be fast. */
function compoundReader(layout: PageLayout, swapped: boolean): CompoundReader {
  const { littleEndian } = layout;
  const readOrder = (words: Uint32Array, at: number, field: OrderField) => {
    const value = readNumber(words, at, field.offset, field.width, littleEndian, swapped);
    return field.lowByte ? value % 256 : value;
  };
  const matches = (words: Uint32Array, at: number, mark: HugetlbMark) => {
    if (mark.kind === "flag") {
      const flags = readNumber(words, at, layout.offset.flags, layout.wordSize, littleEndian, swapped);
      return Math.floor(flags / 2 ** mark.bit) % 2 === 1;
    }
    return readBig(words, at, mark.offset, mark.width, littleEndian, swapped) === mark.value;
  };
  return {
    pages(words, at, pfn) {
      if (layout.order === undefined) return 1;
      const order = readOrder(words, at, layout.order);
      return order > 0 && order < 32 && pfn % 2 ** order === 0 ? 2 ** order : 1;
    },
    isHugetlb: (words, at) => layout.hugetlb !== undefined && matches(words, at, layout.hugetlb),
  };
}

/** A number of 1, 2, 4 or 8 bytes at byte `offset` from word `at`; above 2^53 it is not exact, but large. */
function readNumber(
  words: Uint32Array,
  at: number,
  offset: number,
  width: number,
  littleEndian: boolean,
  swapped: boolean,
): number {
  const word = (offset & ~3) >> 2;
  const load = (index: number) => {
    const value = words[at + index] as number;
    return swapped ? swap32(value) : value;
  };
  if (width === 8) {
    const [lowAt, highAt] = littleEndian ? [word, word + 1] : [word + 1, word];
    return load(highAt) * 2 ** 32 + load(lowAt);
  }
  const value = load(word);
  if (width === 4) return value;
  const within = littleEndian ? offset & 3 : 4 - width - (offset & 3);
  return (value >>> (8 * within)) & (width === 1 ? 0xff : 0xffff);
}

function readBig(
  words: Uint32Array,
  at: number,
  offset: number,
  width: number,
  littleEndian: boolean,
  swapped: boolean,
): bigint {
  if (width < 8) return BigInt(readNumber(words, at, offset, width, littleEndian, swapped));
  const [lowAt, highAt] = littleEndian ? [offset, offset + 4] : [offset + 4, offset];
  const half = (where: number) => BigInt(readNumber(words, at, where, 4, littleEndian, swapped));
  return (half(highAt) << 32n) | half(lowAt);
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)) >>> 0;
}
