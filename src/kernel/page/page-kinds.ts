import { FACT } from "./page-facts.js";

/**
 * What a page is according to its struct page alone: finer than a filter's classes, which are makedumpfile's. The
 * numbers are the values in arrays of kinds.
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
 * Tails of compound pages, and the pages of a free block, have the kind of their first page. Pages of ZONE_DEVICE are
 * not recognised, because no kernel exports the width of the zone number in the flags.
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
/** Pages about which nothing is known. */
export const UNKNOWN_KINDS: readonly PageKind[] = ["no-struct-page", "unreadable"];

/**
 * The kind of a page with these facts (`FACT`). A free page is free and a slab is a slab, whatever else its struct page
 * looks like; a filter's classes (`filter/class-rules.ts`) follow the same rule. Kinds that need other struct pages are
 * found by `kindReader`.
 */
export function kindOf(facts: number): number {
  if ((facts & FACT.unset) !== 0) return KIND["no-struct-page"];
  if ((facts & FACT.free) !== 0) return KIND.free;
  if ((facts & FACT.slab) !== 0) return KIND.slab;
  if ((facts & FACT.poisoned) !== 0) return KIND.hwpoison;
  if ((facts & FACT.unaccepted) !== 0) return KIND.unaccepted;
  if ((facts & FACT.offline) !== 0) return KIND.offline;
  if ((facts & FACT.pageTable) !== 0) return KIND["page-table"];
  if ((facts & FACT.zsmalloc) !== 0) return KIND.zsmalloc;
  if ((facts & FACT.otherType) !== 0) return KIND.kernel;
  if ((facts & FACT.hugetlb) !== 0) return KIND.hugetlb;
  if ((facts & FACT.reserved) !== 0) return KIND.reserved;
  if ((facts & FACT.anon) !== 0 && (facts & FACT.movable) !== 0) return KIND.ksm;
  if ((facts & FACT.swapCache) !== 0) return KIND["swap-cache"];
  const onLru = (facts & FACT.onLru) !== 0;
  if ((facts & FACT.anon) !== 0) return onLru ? KIND.anon : KIND["anon-off-lru"];
  if (onLru) {
    if ((facts & FACT.hasPrivate) !== 0) return KIND["cache-private"];
    return (facts & FACT.swapbacked) !== 0 ? KIND.shmem : KIND.cache;
  }
  if ((facts & FACT.movable) !== 0) return KIND.movable;
  if ((facts & FACT.mapped) !== 0) return KIND["cache-off-lru"];
  return (facts & FACT.referenced) !== 0 ? KIND.kernel : KIND.unreferenced;
}
