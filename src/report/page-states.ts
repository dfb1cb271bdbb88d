import { KIND, PAGE_KINDS, type PageKind } from "../kernel/page/page-kinds.js";

/** What happened to a page. The numbers are the low two bits of a state. */
export const FATES = ["absent", "kept", "zero", "dropped"] as const;

/** Not in the input: an earlier filter run dropped it. */
export const ABSENT = 0;
/** In the output, with bytes of its own. */
export const STORED = 1;
/** In the output as one of the pages of zeros that share their bytes. */
export const STORED_ZERO = 2;
/** In the input but not in the output. */
export const DROPPED = 3;

/** A page's kind and fate in one byte. */
export function stateOf(kind: number, fate: number): number {
  return kind * FATES.length + fate;
}

/** Kinds that have the same colour. The order is that of the legend, and of the bands in the map. */
export const KIND_GROUPS: readonly KindGroup[] = [
  { id: "reserved", label: "Reserved at boot", kinds: ["reserved"] },
  { id: "slab", label: "Slab", kinds: ["slab"] },
  { id: "tables", label: "Page tables", kinds: ["page-table"] },
  { id: "kernel", label: "Other kernel memory", kinds: ["kernel", "kernel-tail", "movable", "unreferenced"] },
  { id: "cache", label: "Page cache", kinds: ["cache", "cache-private", "shmem", "cache-off-lru"] },
  {
    id: "user",
    label: "User memory",
    kinds: ["anon", "ksm", "anon-off-lru", "swap-cache", "zsmalloc", "hugetlb"],
  },
  { id: "free", label: "Free", kinds: ["free", "pcp-free", "unaccepted"] },
  { id: "lost", label: "Offline, memory errors", kinds: ["offline", "hwpoison"] },
  { id: "unknown", label: "Not known", kinds: ["no-struct-page", "unreadable"] },
];

export interface KindGroup {
  readonly id: string;
  readonly label: string;
  readonly kinds: readonly PageKind[];
}

/** Names of the kinds for people. */
export const KIND_LABELS: Readonly<Record<PageKind, string>> = {
  "no-struct-page": "without struct page",
  unreadable: "struct page not in the dump",
  kernel: "other (stacks, vmalloc, drivers, pipes)",
  slab: "slab",
  "page-table": "page tables",
  reserved: "reserved at boot",
  "kernel-tail": "kernel, behind the first page of a block",
  movable: "movable kernel pages",
  zsmalloc: "compressed swap (zsmalloc)",
  anon: "anonymous",
  ksm: "merged anonymous (KSM)",
  "anon-off-lru": "anonymous, on no LRU list",
  "swap-cache": "swap cache",
  cache: "files",
  "cache-private": "files, with buffers",
  shmem: "shared memory, tmpfs",
  "cache-off-lru": "files, on no LRU list",
  hugetlb: "huge pages (hugetlb)",
  free: "free (buddy allocator)",
  "pcp-free": "free, on a CPU's list",
  unreferenced: "no reference, no list",
  unaccepted: "not yet accepted from the hypervisor",
  offline: "offline",
  hwpoison: "memory errors",
};

/** The group of each kind, by its number. */
export const GROUP_OF_KIND: readonly number[] = PAGE_KINDS.map((kind) =>
  KIND_GROUPS.findIndex(({ kinds }) => kinds.includes(kind)),
);

/** Whether struct pages of this kind may also stand for addresses without memory: firmware's holes within a section. */
export function mayBeHole(kind: number): boolean {
  return kind === KIND["no-struct-page"] || kind === KIND.unreadable || kind === KIND.reserved;
}
