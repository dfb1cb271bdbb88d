/** Built kernels of every release and shape: each page is of the class that its description asks for. */
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { kernelCases, menagerie, newerReleases } from "../support/kernel/menagerie.js";
import { expectedPfns, toElf, toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, GiB, type Kernel, MiB } from "../support/kernel-image.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

/** Filters the kernel's dump and holds kept pages and counts against its description. */
async function check(kernel: Kernel, levels: readonly number[], dump: Uint8Array = toElf(kernel)) {
  writeDump(input, dump);
  const warnings = new Warnings();
  let unclassified = 0;
  for (const level of levels) {
    const result = await filterFile(input, output, { level, workers: threads, warnings });
    unclassified = result.unclassified;
    const counts: Record<string, number> = { ...emptyCounts };
    for (const pfn of kernel.pfns()) {
      const found = kernel.classAt(pfn, level);
      const name = found === "keep" ? "kept" : found;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect({ level, ...result.classes }).toEqual({ level, ...counts });
    expect([...bitmapPfns(readKdumpBitmap2(output))], `level ${level}`).toEqual(expectedPfns(kernel, level));
  }
  return { unclassified, warnings: warnings.list };
}

const emptyCounts = { kept: 0, cache: 0, "cache-private": 0, user: 0, free: 0, hwpoison: 0, offline: 0, zero: 0 };

describe("every release and shape", () => {
  /** makedumpfile passes over pages whose first byte is not in the dump; they are classified here: see below. */
  const ragged = "memory that begins and ends inside pages";

  test.each(kernelCases.filter(([name]) => name !== ragged))("%s", async (name, options) => {
    const kernel = buildKernel({ pages: menagerie(options.release ?? "6.1.0"), ...options });
    const everyLevel = ["2.6.32", "3.10.0", "4.10.0", "6.1.0"].includes(name);
    await check(kernel, everyLevel ? [31, 0, 1, 2, 4, 8, 16] : [31]);
  });

  // Compound pages and page types of the releases that Debian's makedumpfile does not know.
  test.each(newerReleases)("%s", async (release) => {
    const levels = release === "6.12.0" ? [31, 2, 4, 8, 16, 0] : [31];
    await check(buildKernel({ release, pages: menagerie(release) }), levels);
  });

  // Distributions bring the memory management of newer kernels under an older name.
  const [el8, el9, next] = ["4.18.0-553.el8_10.x86_64", "5.14.0-570.12.1.el9_6.x86_64", "6.99.0-next"];
  test.each([
    ...[el8, el9].flatMap((name) => ["5.11.0", "6.3.0", "6.6.0", "6.9.0", "6.12.0"].map((old) => [old, name])),
    ...["4.16.0", "6.3.0"].map((old) => [old, next]),
  ] as [string, string][])("%s under the name %s", async (release, name) => {
    const vmcoreinfo = { remove: ["OSRELEASE"], add: [`OSRELEASE=${name}`] };
    const kernel = buildKernel({ release, utsname: { release: name }, pages: menagerie(release), vmcoreinfo });
    const { warnings } = await check(kernel, [31]);
    expect(warnings.map(({ code }) => code)).toEqual(["FREE_ORDER"]);
  });

  test("hugetlb pages whose struct pages are shared (HVO)", async () => {
    const pages = [
      { pfn: 6656, kind: "hugetlb", hvo: true },
      { pfn: 7168, kind: "anon", count: 3 },
    ] as const;
    await check(buildKernel({ vmemmapPageSize: 0x1000, pages }), [31, 1]);
  });

  test("memory not yet accepted from the hypervisor", async () => {
    const pages = [{ pfn: 7168, kind: "unaccepted" }] as const;
    await check(buildKernel({ release: "6.16.0", pages }), [31, 8]);
  });
});

test("a page of which the dump has a part only is of its class: user data go, which makedumpfile keeps", async () => {
  const memory = [
    { start: 0, end: 0x9_ec00 },
    { start: 0x10_0400, end: 32 * MiB },
  ];
  const pages = [0x9e, 0x100, 0x101].map((pfn) => ({ pfn, kind: "anon" }) as const);
  writeElf(input, buildKernel({ memory, pages }));
  expect((await filterFile(input, output)).classes.user).toBe(3);
});

describe("what VMCOREINFO does not tell is not guessed", () => {
  test("PG_slab is no flag since 6.10: bit 7 of a cache page means something else", async () => {
    const pages = [
      { pfn: 400, kind: "slab", order: 2 },
      { pfn: 410, kind: "slab" },
      { pfn: 420, kind: "anon" },
    ] as const;
    await check(buildKernel({ release: "6.12.0", pages }), [31]);
  });

  test.each(["NUMBER(PG_hwpoison)", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"])(
    "without %s such pages are kept",
    async (name) => {
      const kernel = buildKernel({
        pages: [
          { pfn: 160, kind: "hwpoison" },
          { pfn: 162, kind: "offline" },
        ],
        vmcoreinfo: { remove: [name] },
      });
      await check(kernel, [0, 31]);
    },
  );

  test("slab pages that look like others are kept", async () => {
    const pages = [
      { pfn: 130, kind: "slab", disguise: "anon" },
      { pfn: 132, kind: "slab", disguise: "free" },
    ] as const;
    await check(buildKernel({ pages }), [31]);
  });
});

describe("struct pages that cannot be read keep their pages, and are counted", () => {
  test("unmapped parts of the vmemmap", async () => {
    const kernel = buildKernel({
      vmemmapPageSize: 0x1000,
      unmappedVmemmap: [{ start: 1024, end: 1536 }],
      pages: [
        { pfn: 1000, kind: "anon", count: 8 },
        { pfn: 1536, kind: "anon", count: 8 },
      ],
    });
    const { unclassified, warnings } = await check(kernel, [31]);
    expect(unclassified).toBe(512);
    expect(warnings).toMatchObject([{ code: "MEM_MAP_UNREADABLE", count: 512 }]);
  });

  test("a section without a mem_map", async () => {
    const memory = [0, 130, 256].map((start) => ({ start: start * MiB, end: (start + (start === 0 ? 32 : 4)) * MiB }));
    const { unclassified } = await check(buildKernel({ memory, sectionsWithoutMemMap: [1] }), [31]);
    expect(unclassified).toBe((4 * MiB) / 4096);
  });
});

describe("the kernel is found", () => {
  test("with a wrong phys_base in the kdump header, as QEMU writes it under KASLR", async () => {
    const physBase = 0x40_0000;
    const kernel = buildKernel({ physBase, kernelOffset: 0x20_0000, memory: 48 * MiB, pages: menagerie("6.1.0") });
    await check(kernel, [31], toKdump(kernel, { physBase: 0xffff_fffa_6cb6_bfean }));
  });

  test("without NUMBER(phys_base), by a PT_LOAD of the kernel's image", async () => {
    const kernel = buildKernel({
      physBase: 0x40_0000,
      vmcoreinfo: { remove: ["NUMBER(phys_base)"] },
      pages: menagerie("6.1.0"),
    });
    await check(kernel, [31]);
  });

  test("not, where nothing tells phys_base: refused, and -d 1 works", async () => {
    const kernel = buildKernel({ physBase: 0x40_0000, vmcoreinfo: { remove: ["NUMBER(phys_base)"] } });
    const qemu = toElf(kernel, { style: "qemu" });
    await expect(check(kernel, [31], qemu)).rejects.toMatchObject({ code: "CANNOT_FILTER" });
    const { warnings } = await check(kernel, [1], qemu);
    expect(warnings).toMatchObject([{ code: "NO_KERNEL_VIEW" }]);
  });

  test("in split tasks: a huge page of 1 GiB over the borders of two of them", async () => {
    const memory = [
      { start: 0, end: 96 * MiB },
      { start: GiB, end: 2 * GiB + 4 * MiB },
    ];
    const pages = [
      { pfn: GiB / 4096, kind: "hugetlb", order: 18, content: "zero" },
      { pfn: (2 * GiB) / 4096, kind: "anon" },
    ] as const;
    const kernel = buildKernel({ memory, pages });
    await check(kernel, [31, 17], toKdump(kernel, { codec: "raw" }));
  });
});
