/**
 * What a page is to a filter. Numbers are the values in class arrays; the order is of no meaning.
 *
 * The names and their meaning are makedumpfile's; a page of several kinds is of the first in the order of its tests
 * (see `classify`).
 */
export const PAGE_CLASSES = ["kept", "cache", "cache-private", "user", "free", "hwpoison", "offline", "zero"] as const;

export type PageClass = (typeof PAGE_CLASSES)[number];

/** Not dropped: kernel data, or a class that the level keeps. */
export const KEPT = 0;
/** Page cache without private data (buffers): level bit 2. */
export const CACHE = 1;
/** Page cache with private data: level bit 4. */
export const CACHE_PRIVATE = 2;
/** Anonymous and hugetlb pages: level bit 8. */
export const USER = 3;
/** Free pages of the buddy allocator, and memory not yet accepted from the hypervisor: level bit 16. */
export const FREE = 4;
/** Pages with memory errors: always dropped. */
export const HWPOISON = 5;
/** Logically offline pages (balloons, virtio-mem, Hyper-V): always dropped. */
export const OFFLINE = 6;
/** Pages of zeros that are of no other class: level bit 1. They need their content, so they are found last. */
export const ZERO = 7;

/** Pages per class, indexed by class number. */
export type ClassCounts = Readonly<Record<PageClass, number>>;

export function classCounts(numbers: ArrayLike<number>): ClassCounts {
  const entries = PAGE_CLASSES.map((name, i) => [name, numbers[i] ?? 0]);
  return Object.fromEntries(entries) as ClassCounts;
}
