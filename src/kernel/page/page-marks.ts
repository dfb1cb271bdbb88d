import type { PageLayout } from "./page-layout.js";

/**
 * The values that the tests of a struct page compare with: a kernel's `PageLayout` as words of 32 bits. Both loops over
 * struct pages use it: the WebAssembly module of pass 1 (`filter/classifier.ts`) and `pageFactsReader`. A mask of 0 and
 * a type of `NO_TYPE` match nothing.
 */
export interface PageMarks {
  /** Bytes from a struct page's start. For flags and pointers: the 32-bit half that has the low bits. */
  readonly at: {
    readonly flags: number;
    readonly mapping: number;
    readonly refcount: number;
    readonly mapcount: number;
    /** Bit 0 of this word is set in tails of compound pages, if `mask.tail` is not 0. */
    readonly tail: number;
  };
  readonly mask: {
    readonly lru: number;
    readonly private: number;
    readonly swapcache: number;
    /** A page is in the swap cache if all of these bits are set. */
    readonly swap: number;
    readonly swapbacked: number;
    readonly slab: number;
    readonly hwpoison: number;
    readonly buddy: number;
    readonly reserved: number;
    readonly head: number;
    /** Mask of the word at `at.tail`. */
    readonly tail: number;
  };
  /** Values of `_mapcount`, unsigned. */
  readonly type: Readonly<Record<keyof PageLayout["type"], number>>;
  /** How a head's second struct page shows a hugetlb page: a field whose bits in `mask` have this value. */
  readonly hugetlb: HugetlbField | undefined;
  /** Number of orders of the buddy allocator, at most. */
  readonly orders: number;
}

/** A field of a struct page, in bytes from its start. */
export interface HugetlbField {
  readonly offset: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly mask: bigint;
  readonly value: bigint;
}

/** Not equal to any 32-bit word. */
export const NO_TYPE = -1;
/** No kernel has buddy blocks above 2^20 pages. Used where LENGTH(zone.free_area) is not exported. */
const MAX_ORDERS = 21;

/** Makes the marks of a kernel's struct pages. */
export function pageMarks(layout: PageLayout): PageMarks {
  const { offset, bit, type } = layout;
  const low = layout.wordSize === 8 && !layout.littleEndian ? 4 : 0;
  const mask = (number: number | undefined) => (number === undefined ? 0 : (1 << number) >>> 0);
  const typed = (value: number | undefined) => (offset.mapcount === undefined ? NO_TYPE : (value ?? NO_TYPE));
  const swapcache = mask(bit.swapcache);
  // Without a swapbacked bit, the swapcache bit alone decides.
  const swapbacked = bit.swapbacked === undefined ? swapcache : mask(bit.swapbacked);
  return {
    at: {
      flags: offset.flags + low,
      mapping: offset.mapping + low,
      refcount: offset.refcount,
      mapcount: offset.mapcount ?? 0,
      tail: (offset.compoundHead ?? 0) + low,
    },
    mask: {
      lru: mask(bit.lru),
      private: mask(bit.private),
      swapcache,
      swap: swapcache === 0 || swapbacked === 0 ? 0 : (swapcache | swapbacked) >>> 0,
      swapbacked: mask(bit.swapbacked),
      slab: mask(bit.slab),
      hwpoison: mask(bit.hwpoison),
      buddy: mask(bit.buddy),
      reserved: mask(bit.reserved),
      head: layout.headMask ?? 0,
      tail: offset.compoundHead === undefined ? 0 : 1,
    },
    type: {
      buddy: typed(type.buddy),
      offline: typed(type.offline),
      hugetlb: typed(type.hugetlb),
      slab: typed(type.slab),
      unaccepted: typed(type.unaccepted),
      pageTable: typed(type.pageTable),
      zsmalloc: typed(type.zsmalloc),
    },
    hugetlb: hugetlbField(layout),
    orders: Math.min(layout.orders ?? MAX_ORDERS, MAX_ORDERS),
  };
}

function hugetlbField({ hugetlb, offset, wordSize }: PageLayout): HugetlbField | undefined {
  if (hugetlb === undefined) return undefined;
  if (hugetlb.kind === "flag") {
    const bit = 1n << BigInt(hugetlb.bit);
    return { offset: offset.flags, width: wordSize, mask: bit, value: bit };
  }
  const { width, value } = hugetlb;
  return { offset: hugetlb.offset, width, mask: (1n << 64n) - 1n, value };
}
