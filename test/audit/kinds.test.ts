/** Kinds of pages: of built kernels as described, of real ones as the kernel itself said moments before the dump. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { kindReader } from "../../src/kernel/page/kind-reader.js";
import { PAGE_KINDS, type PageKind } from "../../src/kernel/page/page-kinds.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump, realDumps } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { menagerie } from "../support/kernel/menagerie.js";
import { blockPages } from "../support/kernel/page-kinds.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, type PageDescription } from "../support/kernel-image.js";

const folder = temporaryFolder();

/** The kinds of all pages of a dump file. */
function kindsOf(path: string, window = 2 ** 15): (pfn: number) => PageKind | undefined {
  const warnings = new Warnings();
  const dump = completeWithKernel(openDump(path, warnings), warnings).dump;
  try {
    const reader = kindReader(dump, kernelView(dump, warnings));
    const kinds = new Uint8Array(dump.maxMapnr);
    for (let start = 0; start < dump.maxMapnr; start += window) {
      reader.read(start, Math.min(start + window, dump.maxMapnr), kinds.subarray(start));
    }
    return (pfn) => PAGE_KINDS[kinds[pfn] ?? -1];
  } finally {
    dump.close();
  }
}

/** What a description comes to in kinds. */
function kindOf(page: PageDescription): PageKind {
  if (page.kind === "slab") return "slab";
  if (page.hwpoison) return "hwpoison";
  switch (page.kind) {
    case "thp":
      return ({ anon: "anon", file: "cache", "file-private": "cache-private" } as const)[page.of ?? "anon"];
    case "pcp-free":
      // On no list in these images, and behind a free block.
      return "unreferenced";
    case "swapcache-shmem":
    case "swapcache":
      return "swap-cache";
    case "isolated-file":
      return "cache-off-lru";
    case "isolated-anon":
      return "anon-off-lru";
    case "pagetable":
      return "page-table";
    case "owner-priv-1":
      return "kernel";
    default:
      return page.kind;
  }
}

test.each(["4.18.0", "5.1.0", "6.1.0", "6.9.0", "6.11.0", "6.12.0", "7.1.0"])(
  "%s: every page is of the kind that its description asks for, in windows of any size",
  (release) => {
    // A free block of an impossible order is one page to an audit.
    const pages = menagerie(release).filter((page) => page.statedOrder === undefined);
    const kernel = buildKernel({ release, pages });
    const file = join(folder, "kernel");
    writeElf(file, kernel);
    for (const window of release === "6.1.0" ? [2 ** 15, 64] : [2 ** 15]) {
      const kinds = kindsOf(file, window);
      for (const page of pages) {
        const count = blockPages(page) * (page.count ?? 1);
        const found = Array.from({ length: count }, (_, i) => kinds(page.pfn + i));
        const unmarked = page.kind === "offline" && kernel.features.types.offline === undefined;
        const expected = Array.from({ length: count }, () => (unmarked ? "kernel" : kindOf(page)));
        expect(found, `${page.kind} at ${page.pfn}`).toEqual(expected);
      }
    }
  },
);

/** Bit numbers of /proc/kpageflags (include/uapi/linux/kernel-page-flags.h); 32 is of the kernel's own ones. */
const KPF = {
  lru: 5,
  slab: 7,
  buddy: 10,
  anon: 12,
  huge: 17,
  hwpoison: 19,
  ksm: 21,
  thp: 22,
  pageTable: 26,
  reserved: 32,
};

test("pages behind the first of a page table of several pages (s390x) are the kernel's, as far as a block of its place goes", () => {
  const table = (pfn: number): PageDescription[] => [
    { pfn, kind: "pagetable" },
    { pfn: pfn + 1, kind: "pcp-free", count: 4 },
  ];
  const file = join(folder, "tables");
  writeElf(file, buildKernel({ pages: [...table(2048), ...table(2066)] }));
  const kinds = kindsOf(file);
  const found = (pfn: number) => Array.from({ length: 5 }, (_, i) => kinds(pfn + i));
  const [tail, free] = ["kernel-tail", "unreferenced"];
  // At a multiple of eight: a block may have eight pages.
  expect(found(2048)).toEqual(["page-table", tail, tail, tail, tail]);
  // At a multiple of two only: a block of two.
  expect(found(2066)).toEqual(["page-table", tail, free, free, free]);
});

describeWithDumps("kinds of real kernels", () => {
  // s390x under QEMU had its flags read long before the dump.
  const dumps = realDumps.filter(({ arch, mebibytes }) => arch !== "s390x" && mebibytes < 200);
  describe.each(dumps)("$name", ({ name }) => {
    test("are what the kernel's own flags say", async () => {
      const dump = await realDump(name);
      const kinds = kindsOf(dump.vmcore);
      const flags = readFileSync(dump.kpageflags);
      const confused: string[] = [];
      const checked: Record<string, number> = {};
      for (let pfn = 0; pfn * 8 + 8 <= flags.length; pfn++) {
        const raw = flags.readBigUInt64LE(pfn * 8);
        const has = (bit: keyof typeof KPF) => ((raw >> BigInt(KPF[bit])) & 1n) !== 0n;
        const kind = kinds(pfn);
        if (kind === undefined) break;
        const expected: readonly PageKind[] | undefined = has("hwpoison")
          ? ["hwpoison"]
          : has("huge")
            ? ["hugetlb"]
            : has("slab")
              ? ["slab"]
              : has("pageTable")
                ? ["page-table"]
                : has("reserved")
                  ? ["reserved"]
                  : has("anon") || has("thp")
                    ? ["anon", "ksm", "anon-off-lru", "swap-cache"]
                    : has("lru")
                      ? ["cache", "cache-private", "shmem"]
                      : has("buddy")
                        ? ["free"]
                        : undefined;
        if (expected === undefined) continue;
        checked[expected[0] as string] = (checked[expected[0] as string] ?? 0) + 1;
        if (!expected.includes(kind)) confused.push(`${pfn}: ${kind}, not ${expected[0]}`);
      }
      // A few pages were taken and freed between the reading of the flags and the dump.
      expect(confused.length, confused.slice(0, 10).join("; ")).toBeLessThanOrEqual(20);
      expect(Object.keys(checked).length).toBeGreaterThanOrEqual(5);
    });

    test("freed pages are free, on a CPU's list, or in use again, and nothing is unreferenced", async () => {
      const { vmcore, truth, facts } = await realDump(name);
      const kinds = kindsOf(vmcore);
      const counts: Record<string, number> = {};
      for (const line of readFileSync(truth, "latin1").split("\n")) {
        const [kind, , , pfn] = line.split(/\s+/);
        if (kind !== "free" || pfn === undefined) continue;
        const found = kinds(Number.parseInt(pfn, 16)) ?? "none";
        counts[found] = (counts[found] ?? 0) + 1;
      }
      const unknown = (["unreferenced", "unreadable", "no-struct-page", "kernel", "none"] as const).filter(
        (one) => counts[one],
      );
      expect(unknown, JSON.stringify(counts)).toEqual([]);
      if (facts.kernel === "6.12" && name.startsWith("tiny")) expect(counts["pcp-free"]).toBeGreaterThan(40);
    });
  });
});
