/** --privacy drops a page of each kind that may hold users' data, by the struct pages of kernels from 4.4 to 7.1. */
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { FilterResult } from "../../../src/run/filter-dump.js";
import { WorkerThreads } from "../../../src/worker/threads.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../../support/golden.js";
import { privateKernel, setField } from "../../support/kernel/private-kernel.js";
import { writeElf } from "../../support/kernel-dump.js";
import type { Kernel, PageDescription } from "../../support/kernel-image.js";
import { integerBytes } from "../../support/memory.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

type Kind = Omit<PageDescription, "pfn">;
type ClassName = keyof FilterResult["classes"];

/** One kind: how its pages are described, what is changed in their struct pages, and the class that each falls into. */
interface Row {
  readonly name: string;
  readonly page: Kind;
  readonly change?: (kernel: Kernel, pfn: number) => void;
  readonly as: ClassName;
}

const word = (name: "mapcount" | "refcount", value: number) => (kernel: Kernel, pfn: number) => {
  const at = (kernel.structPhysical(pfn) as number) + kernel.features.layout[name];
  kernel.memory.write(at, integerBytes(BigInt(value), 4, kernel.arch.byteOrder));
};
const type = (value: number) => word("mapcount", value);
/** An address of operations, which only drivers' movable pages have there. */
const MOVABLE_OPERATIONS = 0xffff_ffff_8123_4560n | 2n;
const movable = (kernel: Kernel, pfn: number) => {
  setField(kernel, pfn, "mapping", MOVABLE_OPERATIONS);
  setField(kernel, pfn, "flags", 1n << BigInt(kernel.features.bits.private));
};
const both = (...changes: readonly ((kernel: Kernel, pfn: number) => void)[]) => {
  return (kernel: Kernel, pfn: number) => {
    for (const change of changes) change(kernel, pfn);
  };
};

const everywhere: readonly Row[] = [
  { name: "free, on a CPU's list", page: { kind: "pcp-free" }, as: "unreferenced" },
  { name: "pipe buffer: in use, nothing tells by whom", page: { kind: "kernel" }, as: "unknown" },
  { name: "socket buffer: a compound page", page: { kind: "kernel", order: 3 }, as: "unknown" },
  { name: "anonymous, in a CPU's batch for the LRU lists", page: { kind: "isolated-anon" }, as: "user" },
  { name: "cache, in a CPU's batch or isolated", page: { kind: "isolated-file" }, as: "off-lru" },
  { name: "swap cache, anonymous", page: { kind: "swapcache" }, as: "user" },
  { name: "swap cache, shared memory", page: { kind: "swapcache-shmem" }, as: "cache" },
  { name: "huge page in use", page: { kind: "hugetlb" }, as: "user" },
  { name: "huge page in the pool", page: { kind: "hugetlb" }, change: word("refcount", 0), as: "user" },
];

/** Compressed swap and balloons are marked otherwise in each of these. */
const kernels: readonly (readonly [release: string, rows: readonly Row[]])[] = [
  [
    "4.4.0",
    [
      { name: "zsmalloc, before its pages could move", page: { kind: "kernel" }, as: "unknown" },
      { name: "balloon, map count -256", page: { kind: "kernel" }, change: type(0xffff_ff00), as: "unknown" },
    ],
  ],
  [
    "4.18.0",
    [
      { name: "zsmalloc, movable", page: { kind: "kernel" }, change: movable, as: "off-lru" },
      // PG_balloon was a page type of its own until it became PG_offline (4.20).
      { name: "balloon", page: { kind: "kernel" }, change: type(0xffff_feff), as: "unknown" },
    ],
  ],
  [
    "6.1.0",
    [
      { name: "zsmalloc, movable", page: { kind: "kernel" }, change: movable, as: "off-lru" },
      {
        name: "zsmalloc, first page: its object count in the map count",
        page: { kind: "kernel" },
        change: both(movable, type(40)),
        as: "off-lru",
      },
      { name: "balloon", page: { kind: "offline" }, as: "offline" },
      { name: "balloon, movable", page: { kind: "offline" }, change: movable, as: "offline" },
    ],
  ],
  [
    "6.11.0",
    [
      {
        name: "zsmalloc, a type by one bit",
        page: { kind: "kernel" },
        change: both(movable, type(0xfeff_0000)),
        as: "off-lru",
      },
      { name: "balloon", page: { kind: "offline" }, as: "offline" },
    ],
  ],
  ...(["6.12.0", "6.18.0", "7.1.0"] as const).map(
    (release) =>
      [
        release,
        [
          {
            name: "zsmalloc, movable",
            page: { kind: "kernel" },
            change: both(movable, type(0xf600_0028)),
            as: "off-lru",
          },
          // From 6.17 on movable operations are told by the type, not by the mapping.
          { name: "zsmalloc, by its type alone", page: { kind: "kernel" }, change: type(0xf600_0028), as: "unknown" },
          { name: "balloon", page: { kind: "offline" }, as: "offline" },
          { name: "balloon, movable", page: { kind: "offline" }, change: movable, as: "offline" },
        ],
      ] as const,
  ),
];

test.each(kernels)("%s", async (release, more) => {
  const rows = [...everywhere, ...more];
  let [next, nextHuge] = [2048, 6656];
  const laid = rows.map((row) => {
    const huge = row.page.kind === "hugetlb";
    const pfn = huge ? nextHuge : next;
    if (huge) nextHuge += 512;
    else next += 64;
    return { ...row, pfn, pages: huge ? 512 : 2 ** (row.page.order ?? 0) };
  });
  const kernel = privateKernel({ release, pages: laid.map(({ page, pfn }) => ({ ...page, pfn })) });
  for (const { change, pfn } of laid) change?.(kernel, pfn);
  writeElf(input, kernel);
  const { classes } = await filterFile(input, output, { privacy: true, workers: threads });
  const kept = new Set(bitmapPfns(readKdumpBitmap2(output)));
  const left = laid.filter(({ pfn, pages }) =>
    Array.from({ length: pages }, (_, i) => pfn + i).some((one) => kept.has(one)),
  );
  expect(left.map(({ name }) => name)).toEqual([]);
  // Pages that are not described are reserved: each class has these and no others.
  const expected = new Map<ClassName, number>();
  for (const { as, pages } of laid) expected.set(as, (expected.get(as) ?? 0) + pages);
  for (const [name, count] of expected) expect(classes[name], name).toBe(count);
});

test("at level 31 the same pages are not all dropped", async () => {
  const page = (pfn: number, kind: Kind): PageDescription => ({ ...kind, pfn });
  const kernel = privateKernel({
    release: "6.12.0",
    pages: [
      page(2048, { kind: "pcp-free" }),
      page(2049, { kind: "kernel" }),
      page(2050, { kind: "isolated-file" }),
      page(2051, { kind: "kernel" }),
    ],
  });
  type(0xf600_0028)(kernel, 2051);
  writeElf(input, kernel);
  await filterFile(input, output, { level: 31, workers: threads });
  const kept = new Set(bitmapPfns(readKdumpBitmap2(output)));
  expect([2048, 2049, 2050, 2051].filter((pfn) => kept.has(pfn))).toEqual([2048, 2049, 2050, 2051]);
});
