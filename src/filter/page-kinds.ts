import type { PageLayout } from "../kernel/page-layout.js";
import { kernelVersion } from "../kernel/version.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";

/**
 * What a page is by its struct page alone: finer than a filter's classes, which are makedumpfile's. Numbers are the
 * values in kind arrays.
 *
 * - kernel: in use (reference count above 0) without any mark: vmalloc, stacks, drivers, pipe buffers. Guard pages
 * - slab, page-table, reserved (never given out: the kernel's image, firmware, the zero page)
 * - kernel-tail: reference count 0, behind the first page of a kernel allocation of several pages that is not compound
 * - unreferenced: reference count 0 without a mark, list or allocation that it belongs to
 * - movable: kernel pages that can be moved (balloon, zsmalloc before 6.12); zsmalloc: compressed swap
 * - anon, ksm; anon-off-lru: the same on no LRU list, but in a batch on its way there, or isolated
 * - swap-cache
 * - cache (files), cache-private (with buffers), shmem (tmpfs, shared memory); cache-off-lru: as anon-off-lru
 * - hugetlb: in use or in the pool
 * - free: in the buddy allocator; pcp-free: on a CPU's own free list, a block whose first page is the list's element;
 *   unaccepted: not yet taken from the hypervisor
 * - offline: given to the hypervisor (balloons, virtio-mem); hwpoison: memory errors
 * - unreadable: its struct page is not in the dump; no-struct-page: the kernel has none for it, or never filled it in
 *
 * Tails of compound pages, and the pages of a free block, are what their first page is. Not told: pages of ZONE_DEVICE,
 * for the width of the zone number in the flags is exported nowhere.
 */
export const PAGE_KINDS = [
  "no-struct-page",
  "unreadable",
  "kernel",
  "slab",
  "page-table",
  "reserved",
  "kernel-tail",
  "movable",
  "zsmalloc",
  "anon",
  "ksm",
  "anon-off-lru",
  "swap-cache",
  "cache",
  "cache-private",
  "shmem",
  "cache-off-lru",
  "hugetlb",
  "free",
  "pcp-free",
  "unreferenced",
  "unaccepted",
  "offline",
  "hwpoison",
] as const;

/** What a page is by its struct page: one of `PAGE_KINDS`. */
export type PageKind = (typeof PAGE_KINDS)[number];

/** The kinds by their numbers: `KIND.anon`. */
export const KIND = Object.fromEntries(PAGE_KINDS.map((name, i) => [name, i])) as Readonly<Record<PageKind, number>>;

/** Kinds whose pages hold, or may still hold, what users wrote. */
export const USER_DATA_KINDS: readonly PageKind[] = PAGE_KINDS.slice(KIND.movable);
/** Pages of which nothing is known. */
export const UNKNOWN_KINDS: readonly PageKind[] = ["no-struct-page", "unreadable"];

/** What telling kinds needs beside the page layout. `undefined`: not told, and the test that needs it is never true. */
export interface PageKindLayout {
  readonly page: PageLayout;
  /** Offsets in the struct page, in bytes. */
  readonly refcount: number;
  readonly lru: number | undefined;
  /** Number of PG_reserved. */
  readonly reserved: number | undefined;
  /** Values of page types, and the bits of `_mapcount` that they are in: the others are the type's own. */
  readonly typeMask: number;
  readonly pageTable: number | undefined;
  readonly zsmalloc: number | undefined;
}

/**
 * The layout for kinds out of VMCOREINFO. `version` is `kernelVersion`'s number of the kernel: types that are not exported
 * follow from those that are and from it.
 */
export function pageKindLayout(info: Vmcoreinfo, page: PageLayout, version: number): PageKindLayout {
  const lru = info.offset("page.lru");
  const whole = lru !== undefined && lru % page.wordSize === 0 && lru + 2 * page.wordSize <= page.size;
  const refcount = info.offset("page._refcount") ?? info.offset("page._count");
  return {
    page,
    // Without it there is no page layout either.
    refcount: refcount !== undefined && refcount % 4 === 0 && refcount + 4 <= page.size ? refcount : page.offset.flags,
    lru: whole ? lru : undefined,
    // The bit below PG_private in every kernel from 2.6.26 to 7.1 (enum pageflags in include/linux/page-flags.h).
    reserved: page.bit.private === undefined ? undefined : page.bit.private - 1,
    ...moreTypes(page.type.buddy, version),
  };
}

/** Page types that VMCOREINFO has no name for (include/linux/page-flags.h of the versions named). */
function moreTypes(buddy: number | undefined, version: number) {
  // 6.12: a number in the top byte; below it the type keeps what it likes.
  if (buddy === 0xf000_0000) return { typeMask: 0xff00_0000, pageTable: 0xf200_0000, zsmalloc: 0xf600_0000 };
  // 6.11: one bit cleared, from the top down.
  if (buddy === 0xbfff_ffff) return { typeMask: 0xffff_ffff, pageTable: 0xefff_ffff, zsmalloc: 0xfeff_ffff };
  // 4.18: one bit cleared, from 0x80 up; until 5.10 0x200 is PG_kmemcg.
  const marked = buddy === 0xffff_ff7f;
  const table = version < kernelVersion(5, 11) ? 0xffff_fbff : 0xffff_fdff;
  return { typeMask: 0xffff_ffff, pageTable: marked ? table : undefined, zsmalloc: undefined };
}

/** Equals no 32-bit word. */
const NEVER = -1;
/** Types are below the map count of a page that is not mapped (-1), with room for miscounts. */
const HIGHEST_TYPE = -128;

/** Tells the kind of one page after the other; of the head of a block also how many pages that is. */
export interface KindTeller {
  /**
   * The kind of the page whose struct page is at `at` in `pages`; the struct page behind it is there too if `hasNext`.
   * About 30 ns.
   */
  kindAt(pages: DataView, at: number, hasNext: boolean): number;
  /** Whether it is the tail of a compound page: then it is what its head is. */
  isTail(pages: DataView, at: number): boolean;
  /** Pages of the block or compound page that begins at `pfn`; 1 if its order makes no sense. */
  pagesOf(pages: DataView, at: number, kind: number, pfn: number, hasNext: boolean): number;
}

export function createKindTeller(layout: PageKindLayout): KindTeller {
  const { page, refcount, typeMask } = layout;
  const { offset, bit, type, littleEndian: little, wordSize } = page;
  // Flags and the low bits of pointers are in the low half of their word.
  const low = wordSize === 8 && !little ? 4 : 0;
  const mask = (number: number | undefined) => (number === undefined ? 0 : (1 << number) >>> 0);
  const typed = (value: number | undefined) => (value === undefined ? NEVER : (value & typeMask) >>> 0);
  const flag = {
    lru: mask(bit.lru),
    private: mask(bit.private),
    swapcache: mask(bit.swapcache),
    // Without a swapbacked bit the swapcache bit is taken at face value.
    swapbacked: bit.swapbacked === undefined ? mask(bit.swapcache) : mask(bit.swapbacked),
    shmem: mask(bit.swapbacked),
    slab: mask(bit.slab),
    hwpoison: mask(bit.hwpoison),
    buddy: mask(bit.buddy),
    reserved: mask(layout.reserved),
    head: page.headMask ?? 0,
  };
  const types = new Map<number, number>();
  const addType = (value: number | undefined, kind: number) => {
    if (value !== undefined) types.set(typed(value), kind);
  };
  addType(layout.pageTable, KIND["page-table"]);
  addType(layout.zsmalloc, KIND.zsmalloc);
  addType(type.slab, KIND.slab);
  addType(type.offline, KIND.offline);
  addType(type.unaccepted, KIND.unaccepted);
  addType(type.hugetlb, KIND.hugetlb);
  addType(type.buddy, KIND.free);

  const word = (pages: DataView, at: number) => pages.getUint32(at, little);
  const typeAt = (pages: DataView, at: number): number | undefined => {
    if (offset.mapcount === undefined) return undefined;
    const value = word(pages, at + offset.mapcount);
    const kind = types.get((value & typeMask) >>> 0);
    if (kind !== undefined) return kind;
    return (value | 0) <= HIGHEST_TYPE ? KIND.kernel : undefined;
  };
  const compoundOrder = (pages: DataView, at: number): number => {
    if (page.order === undefined) return 0;
    const order = field(pages, at + page.size + page.order.offset, page.order.width, little);
    return page.order.lowByte ? Number(order & 0xffn) : Number(order);
  };
  const isHugetlb = (pages: DataView, at: number): boolean => {
    const mark = page.hugetlb;
    if (mark === undefined) return false;
    if (mark.kind === "flag") return (word(pages, at + page.size + offset.flags + low) & mask(mark.bit)) !== 0;
    return field(pages, at + page.size + mark.offset, mark.width, little) === mark.value;
  };
  return {
    kindAt(pages, at, hasNext) {
      const flags = word(pages, at + offset.flags + low);
      // Struct pages that were never filled in: memblock's poison.
      if (flags === 0xffff_ffff) return KIND["no-struct-page"];
      if ((flags & flag.slab) !== 0) return KIND.slab;
      if ((flags & flag.buddy) !== 0) return KIND.free;
      const byType = typeAt(pages, at);
      if (byType === KIND.slab || byType === KIND.free) return byType;
      if ((flags & flag.hwpoison) !== 0) return KIND.hwpoison;
      if (byType !== undefined) return byType;
      if (hasNext && (flags & flag.head) !== 0 && compoundOrder(pages, at) > 0 && isHugetlb(pages, at)) {
        return KIND.hugetlb;
      }
      if ((flags & flag.reserved) !== 0) return KIND.reserved;
      const mapping = word(pages, at + offset.mapping + low);
      const onLru = (flags & flag.lru) !== 0;
      const swapCache = (flags & flag.swapcache) !== 0 && (flags & flag.swapbacked) !== 0;
      if ((mapping & 1) !== 0) {
        if ((mapping & 2) !== 0) return KIND.ksm;
        return swapCache ? KIND["swap-cache"] : onLru ? KIND.anon : KIND["anon-off-lru"];
      }
      if (swapCache) return KIND["swap-cache"];
      if (onLru) {
        if ((flags & flag.private) !== 0) return KIND["cache-private"];
        return (flags & flag.shmem) !== 0 ? KIND.shmem : KIND.cache;
      }
      if ((mapping & 2) !== 0) return KIND.movable;
      if (mapping !== 0) return KIND["cache-off-lru"];
      return word(pages, at + refcount) === 0 ? KIND.unreferenced : KIND.kernel;
    },
    isTail(pages, at) {
      return offset.compoundHead !== undefined && (word(pages, at + offset.compoundHead + low) & 1) !== 0;
    },
    pagesOf(pages, at, kind, pfn, hasNext) {
      let order = 0;
      if (kind === KIND.free && offset.private !== undefined) {
        order = Number(field(pages, at + offset.private, wordSize, little));
        if (order >= (page.orders ?? MAX_FREE_ORDERS)) return 1;
      } else if (kind === KIND.unaccepted) {
        order = Math.max(0, Math.min(page.orders ?? 1, MAX_FREE_ORDERS) - 1);
      } else if (hasNext && (word(pages, at + offset.flags + low) & flag.head) !== 0) {
        order = compoundOrder(pages, at);
      }
      return order > MAX_COMPOUND_ORDER || pfn % 2 ** order !== 0 ? 1 : 2 ** order;
    },
  };
}

/** No kernel has buddy blocks above 2^20 pages. */
const MAX_FREE_ORDERS = 21;
/** 2^24 pages of 64 KiB are the largest page of any machine's page table. */
const MAX_COMPOUND_ORDER = 24;

function field(view: DataView, at: number, width: 1 | 2 | 4 | 8, little: boolean): bigint {
  if (width === 1) return BigInt(view.getUint8(at));
  if (width === 2) return BigInt(view.getUint16(at, little));
  return width === 4 ? BigInt(view.getUint32(at, little)) : view.getBigUint64(at, little);
}
