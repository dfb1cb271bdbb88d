import { HOST_LITTLE } from "../../reader/fields.js";
import type { PageLayout } from "./page-layout.js";
import { NO_TYPE, pageMarks } from "./page-marks.js";

/**
 * What a struct page says of its page, as bits. Both rule sets take these bits: classes (`filter/class-rules.ts`) and
 * kinds (`page-kinds.ts`). The module of pass 1 uses the lowest six as the index into its table of classes.
 */
export const FACT = {
  /** Bit 0 of mapping. In slabs other data lies there. */
  anon: 1,
  /** On an LRU list, or in the swap cache. */
  cached: 1 << 1,
  hasPrivate: 1 << 2,
  poisoned: 1 << 3,
  slab: 1 << 4,
  offline: 1 << 5,
  /** The first page of a free block. */
  free: 1 << 6,
  unaccepted: 1 << 7,
  hugetlb: 1 << 8,
  pageTable: 1 << 9,
  zsmalloc: 1 << 10,
  /** A page type that is none of the above. */
  otherType: 1 << 11,
  onLru: 1 << 12,
  swapCache: 1 << 13,
  swapbacked: 1 << 14,
  reserved: 1 << 15,
  /** Bit 1 of mapping: KSM's, if it is anonymous, else movable. */
  movable: 1 << 16,
  /** Its mapping is not 0. */
  mapped: 1 << 17,
  /** Its reference count is not 0. */
  referenced: 1 << 18,
  /** The struct page was never filled in: it has memblock's poison. No other fact is set. */
  unset: 1 << 19,
} as const;

/** The facts that the module of pass 1 finds by itself. */
export const CLASS_FACTS = FACT.anon | FACT.cached | FACT.hasPrivate | FACT.poisoned | FACT.slab | FACT.offline;

/** Page types are below the map count of a page that is not mapped (-1); the distance leaves room for miscounts. */
const HIGHEST_TYPE = -128;
/** 2^24 pages of 64 KiB is the largest page in any machine's page table. */
const MAX_COMPOUND_ORDER = 24;

/** Reads the facts of single pages; for the head of a block also the number of its pages. */
export interface PageFactsReader {
  /**
   * The facts of the page whose struct page is at byte `at` of `pages`. `hasNext`: the following struct page is in
   * `pages` too. About 30 ns.
   */
  factsAt(pages: DataView, at: number, hasNext: boolean): number;
  /** Whether the facts make it a slab (`kindOf`). Takes a third of the time of `factsAt`. */
  isSlab(pages: DataView, at: number): boolean;
  /**
   * Writes the indexes of slabs among the first `count` struct pages of `pages` to `into`, ascending, and returns how
   * many they are. Takes a tenth of the time of `factsAt`.
   */
  slabsIn(pages: DataView, count: number, into: Uint32Array): number;
  /** Whether it is a tail of a compound page: then it has its head's kind. */
  isTail(pages: DataView, at: number): boolean;
  /** Whether it has a memory error, whatever else it is. Also works for tails. */
  hasMemoryError(pages: DataView, at: number): boolean;
  /**
   * The number of pages of the block or compound page that begins at `pfn` and has these facts; 1 if its order is not
   * possible.
   */
  pagesOf(pages: DataView, at: number, facts: number, pfn: number, hasNext: boolean): number;
}

/** A reader of struct pages in the dumped machine's byte order. */
export function pageFactsReader(layout: PageLayout): PageFactsReader {
  const { at: place, mask, type, hugetlb, orders } = pageMarks(layout);
  const { littleEndian: little, wordSize, size, offset, order: orderField, typeMask } = layout;
  const types = new Map<number, number>();
  for (const name of ["pageTable", "zsmalloc", "slab", "offline", "unaccepted", "hugetlb"] as const) {
    if (type[name] !== NO_TYPE) types.set((type[name] & typeMask) >>> 0, FACT[name]);
  }
  if (type.buddy !== NO_TYPE) types.set((type.buddy & typeMask) >>> 0, FACT.free);

  const word = (pages: DataView, at: number) => pages.getUint32(at, little);
  const typeAt = (pages: DataView, at: number): number => {
    if (offset.mapcount === undefined) return 0;
    const value = word(pages, at + place.mapcount);
    return types.get((value & typeMask) >>> 0) ?? ((value | 0) <= HIGHEST_TYPE ? FACT.otherType : 0);
  };
  const compoundOrder = (pages: DataView, at: number): number => {
    if (orderField === undefined) return 0;
    const order = field(pages, at + size + orderField.offset, orderField.width, little);
    return orderField.lowByte ? Number(order & 0xffn) : Number(order);
  };
  const isHugetlb = (pages: DataView, at: number): boolean =>
    hugetlb !== undefined &&
    compoundOrder(pages, at) > 0 &&
    (field(pages, at + size + hugetlb.offset, hugetlb.width, little) & hugetlb.mask) === hugetlb.value;
  return {
    factsAt(pages, at, hasNext) {
      const flags = word(pages, at + place.flags);
      if (flags === 0xffff_ffff) return FACT.unset;
      const mapping = word(pages, at + place.mapping);
      let facts = typeAt(pages, at);
      if ((flags & mask.slab) !== 0) facts = (facts & ~FACT.free) | FACT.slab;
      if ((flags & mask.buddy) !== 0) facts |= FACT.free;
      if ((flags & mask.hwpoison) !== 0) facts |= FACT.poisoned;
      if ((flags & mask.reserved) !== 0) facts |= FACT.reserved;
      if ((flags & mask.lru) !== 0) facts |= FACT.onLru | FACT.cached;
      if (mask.swap !== 0 && (flags & mask.swap) >>> 0 === mask.swap) facts |= FACT.swapCache | FACT.cached;
      if ((flags & mask.swapbacked) !== 0) facts |= FACT.swapbacked;
      if ((flags & mask.private) !== 0) facts |= FACT.hasPrivate;
      if ((mapping & 1) !== 0) facts |= FACT.anon;
      if ((mapping & 2) !== 0) facts |= FACT.movable;
      if (mapping !== 0) facts |= FACT.mapped;
      if (word(pages, at + place.refcount) !== 0) facts |= FACT.referenced;
      if (hasNext && (flags & mask.head) !== 0 && isHugetlb(pages, at)) facts |= FACT.hugetlb;
      return facts;
    },
    isSlab(pages, at) {
      const flags = word(pages, at + place.flags);
      if (flags === 0xffff_ffff || (flags & mask.buddy) !== 0) return false;
      return (flags & mask.slab) !== 0 || typeAt(pages, at) === FACT.slab;
    },
    slabsIn(pages, count, into) {
      let found = 0;
      if (little !== HOST_LITTLE || size % 4 !== 0 || place.flags % 4 !== 0 || place.mapcount % 4 !== 0) {
        for (let i = 0; i < count; i++) if (this.isSlab(pages, i * size)) into[found++] = i;
        return found;
      }
      const words = new Uint32Array(pages.buffer, pages.byteOffset, (count * size) / 4);
      const noType = offset.mapcount === undefined || type.slab === NO_TYPE;
      return slabsInWords(words, into, {
        ...{ step: size / 4, flags: place.flags / 4, mapcount: place.mapcount / 4 },
        ...{ slab: mask.slab, buddy: mask.buddy, mask: typeMask, type: noType ? -1 : (type.slab & typeMask) >>> 0 },
      });
    },
    isTail(pages, at) {
      return (word(pages, at + place.tail) & mask.tail) !== 0;
    },
    hasMemoryError(pages, at) {
      const flags = word(pages, at + place.flags);
      return flags !== 0xffff_ffff && (flags & mask.hwpoison) !== 0;
    },
    pagesOf(pages, at, facts, pfn, hasNext) {
      let order = 0;
      if ((facts & FACT.free) !== 0 && offset.private !== undefined) {
        order = Number(field(pages, at + offset.private, wordSize, little));
        if (order >= orders) return 1;
      } else if ((facts & FACT.unaccepted) !== 0) {
        order = layout.orders === undefined ? 0 : Math.max(0, orders - 1);
      } else if (hasNext && (word(pages, at + place.flags) & mask.head) !== 0) {
        order = compoundOrder(pages, at);
      }
      return order > MAX_COMPOUND_ORDER || pfn % 2 ** order !== 0 ? 1 : 2 ** order;
    },
  };
}

function field(view: DataView, at: number, width: 1 | 2 | 4 | 8, little: boolean): bigint {
  if (width === 1) return BigInt(view.getUint8(at));
  if (width === 2) return BigInt(view.getUint16(at, little));
  return width === 4 ? BigInt(view.getUint32(at, little)) : view.getBigUint64(at, little);
}

/** Where `slabsInWords` looks, in words of 4 bytes, and what it compares with. */
interface SlabWords {
  readonly step: number;
  readonly flags: number;
  readonly mapcount: number;
  readonly slab: number;
  readonly buddy: number;
  readonly mask: number;
  /** -1: slabs have no page type. */
  readonly type: number;
}

/** Like `isSlab` for all struct pages in `words`: a loop of its own, which V8 compiles in 2 ms. */
function slabsInWords(
  words: Uint32Array,
  into: Uint32Array,
  { step, flags, mapcount, slab, buddy, mask, type }: SlabWords,
): number {
  let found = 0;
  for (let i = 0, at = 0; at < words.length; i++, at += step) {
    const value = words[at + flags] as number;
    if ((value & slab) === 0 && (type < 0 || ((words[at + mapcount] as number) & mask) >>> 0 !== type)) continue;
    if (value !== 0xffff_ffff && (value & buddy) === 0) into[found++] = i;
  }
  return found;
}
