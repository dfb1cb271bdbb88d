/**
 * The class of a page for filtering. The numbers are the values in class arrays; their order has no meaning.
 *
 * The names and their meaning are makedumpfile's. A page of several kinds has the first class in the order of
 * makedumpfile's tests (see `classify`).
 */
export const PAGE_CLASSES = ["kept", "cache", "cache-private", "user", "free", "hwpoison", "offline", "zero"] as const;

/** Classes that occur only with `--privacy`. Their numbers follow those of `PAGE_CLASSES`. */
export const PRIVACY_CLASSES = [
  "unreferenced",
  "off-lru",
  "unknown",
  "no-struct-page",
  "device",
  "crash-kernel",
] as const;

/** The class of a page for filtering: one of `PAGE_CLASSES`. */
export type PageClass = (typeof PAGE_CLASSES)[number];
/** One of `PRIVACY_CLASSES`. */
export type PrivacyClass = (typeof PRIVACY_CLASSES)[number];

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
/** Pages of zeros without another class: level bit 1. Their content must be read, so they are found last. */
export const ZERO = 7;

/** Reference count 0, but not on a list of the buddy allocator: pages on a CPU's own list of free pages. */
export const UNREFERENCED = 8;
// 9 was off-lru: on no LRU list, but with a mapping that names a file or an owner (in a batch on its way to a list,
// isolated, movable).
/** In use, without evidence that it is the kernel's: pipe buffers, socket buffers, drivers' pages. */
export const UNKNOWN = 10;
/** The kernel or the dump has no struct page for it. */
export const NO_STRUCT_PAGE = 11;

/** Reserved, but in use by others: persistent memory (ZONE_DEVICE), pages that a driver marked. */
export const DEVICE = 12;
/** Reserved for the kernel that saves a dump (crashkernel=): its image and its initramfs. */
export const CRASH_KERNEL = 13;

/** Dropped by an extension only. */
export const EXTENSION = 14;
/** Contains only struct pages of dropped pages. Occurs only on request. */
export const UNUSED_VMEMMAP = 15;

/** Class numbers from here on are reasons why pages are kept. They occur with `--privacy` only. */
export const KEPT_FROM = 16;
/** Why a page is kept with `--privacy`. Numbers are `KEPT_FROM` and up. */
export const KEPT_REASONS = ["reserved", "slab", "known", "stack", "percpu"] as const;
/** Reserved, according to its struct page. */
export const KEPT_RESERVED = 16;
/** Known to be the kernel's by its page tables, its lists or its content. */
export const KEPT_KNOWN = KEPT_FROM + 2;
/** A stack outside of the vmalloc area. */
export const KEPT_STACK = KEPT_FROM + 3;
/** Per-CPU memory outside of the vmalloc area. */
export const KEPT_PERCPU = KEPT_FROM + 4;
/** The highest number plus one. */
export const CLASS_NUMBERS = KEPT_FROM + KEPT_REASONS.length;

/** Classes that pages get only on request. */
export type FurtherClass = "extension" | "unused-vmemmap";

/**
 * Pages per class. Privacy classes are present in runs with `--privacy` only, the further classes in runs that
 * requested them.
 */
export type ClassCounts = Readonly<Record<PageClass, number>> &
  Readonly<Partial<Record<PrivacyClass | FurtherClass, number>>>;

const FURTHER_NUMBERS: Readonly<Record<FurtherClass, number>> = {
  extension: EXTENSION,
  "unused-vmemmap": UNUSED_VMEMMAP,
};

/** Converts an array indexed by class number to counts by name. */
export function classCounts(
  numbers: ArrayLike<number>,
  privacy = false,
  further: readonly FurtherClass[] = [],
): ClassCounts {
  const names = privacy ? [...PAGE_CLASSES, ...PRIVACY_CLASSES] : PAGE_CLASSES;
  const counts = names.map((name, i): [string, number] => [name, numbers[i] ?? 0]);
  for (const name of further) counts.push([name, numbers[FURTHER_NUMBERS[name]] ?? 0]);
  return Object.fromEntries(counts) as ClassCounts;
}
