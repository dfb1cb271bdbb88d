/** Kernels of every kind with pages of every kind, for filters to be tried on. */

import { type KernelOptions, MiB, type PageDescription } from "../kernel-image.js";

/** One of everything. */
export function menagerie(release: string): PageDescription[] {
  const pages: PageDescription[] = [
    { pfn: 16, kind: "free", order: 0 },
    { pfn: 18, kind: "free", order: 1 },
    { pfn: 32, kind: "free", order: 5 },
    { pfn: 1024, kind: "free", order: 10, count: 2 },
    { pfn: 6144, kind: "free", order: 0, count: 7 },
    { pfn: 20, kind: "pcp-free" },
    { pfn: 100, kind: "cache", count: 10 },
    { pfn: 110, kind: "cache-private", count: 3 },
    { pfn: 113, kind: "shmem" },
    { pfn: 114, kind: "swapcache-shmem" },
    { pfn: 115, kind: "isolated-file" },
    { pfn: 120, kind: "anon", count: 5 },
    { pfn: 125, kind: "isolated-anon" },
    { pfn: 126, kind: "swapcache" },
    { pfn: 127, kind: "ksm" },
    { pfn: 130, kind: "slab" },
    // Not here: a slab page whose mapping looks anonymous. 1.7.2 drops it as user memory, newer versions keep it.
    { pfn: 132, kind: "slab", disguise: "free" },
    { pfn: 133, kind: "slab", disguise: "offline" },
    { pfn: 136, kind: "slab", order: 3 },
    { pfn: 144, kind: "pagetable" },
    { pfn: 145, kind: "reserved" },
    { pfn: 146, kind: "movable" },
    { pfn: 147, kind: "owner-priv-1" },
    { pfn: 148, kind: "kernel" },
    { pfn: 152, kind: "kernel", order: 2 },
    { pfn: 160, kind: "hwpoison" },
    { pfn: 161, kind: "anon", hwpoison: true },
    { pfn: 162, kind: "offline", count: 4 },
    { pfn: 512, kind: "thp" },
    { pfn: 192, kind: "cache", order: 4 },
    { pfn: 208, kind: "thp", of: "file", order: 2 },
    { pfn: 212, kind: "thp", of: "file-private", order: 2 },
    { pfn: 6656, kind: "hugetlb" },
    { pfn: 7168, kind: "hugetlb", content: "zero" },
    { pfn: 300, kind: "anon", content: "zero" },
    { pfn: 301, kind: "kernel", content: "zero" },
  ];
  if (!release.startsWith("2.6")) {
    pages.push({ pfn: 400, kind: "free", order: 2, statedOrder: 12 });
  }
  return pages;
}

const holes = [
  { start: 0, end: 40 * MiB },
  { start: 256 * MiB, end: 260 * MiB },
];
const ragged = [
  { start: 0, end: 0x9_ec00 },
  { start: 0x10_0400, end: 32 * MiB },
];
const raggedPages: readonly PageDescription[] = [
  { pfn: 0x9e, kind: "anon" },
  { pfn: 0x100, kind: "anon" },
  { pfn: 0x101, kind: "anon" },
];
/** makedumpfile takes nothing beyond the last section with a mem_map for memory, so the one without is between. */
const threeSections = [
  { start: 0, end: 32 * MiB },
  { start: 130 * MiB, end: 132 * MiB },
  { start: 256 * MiB, end: 260 * MiB },
];
/** Parts of 2 MiB of the second section. */
const plugged = [
  { start: 0, end: 32 * MiB },
  { start: 128 * MiB, end: 130 * MiB },
  { start: 132 * MiB, end: 136 * MiB },
];
const high = [
  { start: 0, end: 32 * MiB },
  { start: 0x1_4000_0000, end: 0x1_4000_0000 + 32 * MiB },
];

/** Kernels by what is special about them: a release, or how its memory lies. */
export const kernelCases: readonly (readonly [string, KernelOptions])[] = [
  ...[
    "2.6.32",
    "2.6.38",
    "2.6.39",
    "3.2.0",
    "3.9.0",
    "3.10.0",
    "3.14.0",
    "3.17.0",
    "4.4.0",
    "4.6.0",
    "4.8.0",
    "4.10.0",
  ],
  ...[
    "4.13.0",
    "4.15.0",
    "4.16.0",
    "4.18.0",
    "4.20.0",
    "5.1.0",
    "5.3.0",
    "5.8.0",
    "5.11.0",
    "5.13.0",
    "6.1.0",
    "6.2.0",
  ],
]
  .map((release): readonly [string, KernelOptions] => [release, { release }])
  .concat([
    ["five levels", { pageTableLevels: 5 }],
    ["KASLR, negative phys_base", { kernelOffset: 0x1660_0000, physBase: -0x1660_0000 }],
    ["KASLR, kernel above 4 GiB", { kernelOffset: 0x20_0000, physBase: 0x1_4000_0000 - 0xe0_0000, memory: high }],
    ["randomised bases", { directMap: 0xffff_9f09_c000_0000n, vmemmap: 0xffff_ed2c_0000_0000n }],
    ["memory encryption", { smeMask: 1n << 47n }],
    ["4 KiB vmemmap pages", { vmemmapPageSize: 0x1000 }],
    ["struct page of 80 bytes", { structPageSize: 80 }],
    ["struct page of 72 bytes, 4 KiB vmemmap pages", { structPageSize: 72, vmemmapPageSize: 0x1000 }],
    ["mem_section of 32 bytes", { sectionStructSize: 32 }],
    ["holes", { memory: holes }],
    ["memory that begins and ends inside pages", { memory: ragged, pages: raggedPages }],
    ["a section without mem_map", { memory: threeSections, sectionsWithoutMemMap: [1] }],
    ["sparse-extreme", { memoryModel: "sparse-extreme", memory: holes }],
    ["sparse-extreme 4.9", { release: "4.9.0", memoryModel: "sparse-extreme" }],
    ["sparse-static", { memoryModel: "sparse-static", memory: 64 * MiB, kernelOffset: 16 * MiB }],
    ["flatmem", { memoryModel: "flatmem" }],
    ["flatmem 2.6.32", { release: "2.6.32", memoryModel: "flatmem" }],
    ["discontig 4.4", { release: "4.4.0", memoryModel: "discontig", memory: holes }],
    ["discontig 2.6.32", { release: "2.6.32", memoryModel: "discontig", memory: holes }],
    ["numa", { numa: true }],
    ["3.14 with KASLR", { release: "3.14.0", kernelOffset: 0x1660_0000, physBase: -0x1660_0000 }],
    [
      "5.3 with parts of a section plugged in",
      { release: "5.3.0", memory: plugged, vmemmapPageSize: 0x1000, unmappedVmemmap: [{ start: 0x8200, end: 0x8400 }] },
    ],
    ["5.12 with device memory in the section", { release: "5.12.0", sectionFlags: 0b1_1111 }],
    ["sparse-extreme 3.10", { release: "3.10.0", memoryModel: "sparse-extreme" }],
    ["sparse-extreme 5.15", { release: "5.15.0", memoryModel: "sparse-extreme" }],
    ["sparse-extreme 6.12", { release: "6.12.0", memoryModel: "sparse-extreme" }],
    ["flatmem 4.19", { release: "4.19.0", memoryModel: "flatmem" }],
    ["flatmem 5.15", { release: "5.15.0", memoryModel: "flatmem" }],
    ["without memory failure handling", { vmcoreinfo: { remove: ["NUMBER(PG_hwpoison)"] } }],
    [
      "2.6.38 with what a filter needs for its free pages",
      { release: "2.6.38", vmcoreinfo: { add: ["OFFSET(page._mapcount)=12", "OFFSET(page.private)=16"] } },
    ],
    ["6.1 with free lists only", { vmcoreinfo: { remove: ["OFFSET(page.private)"] } }],
    ["numa 2.6.32", { release: "2.6.32", numa: true }],
  ]);

/** Releases with compound pages and page types that Debian 12's makedumpfile does not know. */
export const newerReleases = [
  ...["6.3.0", "6.6.0", "6.9.0", "6.10.0", "6.11.0", "6.12.0", "6.13.0", "6.15.0", "6.16.0", "6.18.0", "6.19.0"],
  ...["7.1.0", "7.9.0"],
] as const;
