/** Described kernels as libkdumpfile walks their page tables. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hasLibkdumpfile, readWithLibkdumpfile } from "../support/external-tools.js";
import { arm64 } from "../support/kernel/arch-arm64.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, type Kernel, type KernelOptions, MiB, type PageDescription } from "../support/kernel-image.js";

function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

const pages: PageDescription[] = [
  { pfn: 100, kind: "anon" },
  { pfn: 101, kind: "cache" },
  { pfn: 512, kind: "thp" },
  { pfn: 1024, kind: "hugetlb" },
  { pfn: 7777, kind: "free", order: 0 },
];

/** Has libkdumpfile walk the page tables to struct pages, to the kernel's text and through the direct map. */
function checkTranslation(kernel: Kernel, image: Uint8Array, base = 0): void {
  const size = 56;
  const pfns = [0, 100, 101, 512, 513, 1024, 7777, 8191].map((pfn) => pfn + base / 4096);
  const structs = pfns.map((pfn) => [kernel.structAddress(pfn), size] as const);
  const text = [kernel.imageVirtual, 4096] as const;
  const direct = [kernel.directMap + BigInt(base + 100 * 4096), 4096] as const;
  const expected = [
    ...pfns.map((pfn) => digest(kernel.memory.read(kernel.structPhysical(pfn) ?? 0, size))),
    digest(kernel.memory.read(kernel.imagePhysical, 4096)),
    digest(kernel.memory.read(base + 100 * 4096, 4096)),
  ];
  const answer = readWithLibkdumpfile(image, [...structs, text, direct], ["linux.uts.release"]);
  expect(answer.pages).toEqual(expected);
  expect(answer.attributes["linux.uts.release"]).toBe(kernel.features.release.text);
}

describe.skipIf(!hasLibkdumpfile)("kernel addresses resolved by libkdumpfile", () => {
  const releases = ["4.10.0", "4.13.0", "4.15.0", "4.20.0", "5.11.0", "6.3.0", "6.6.0", "6.9.0", "6.10.0", "6.11.0"];
  const cases: readonly (readonly [string, KernelOptions])[] = [
    ...[...releases, "6.12.0", "6.15.0", "6.16.0", "6.18.0", "7.1.0"].map(
      (release): readonly [string, KernelOptions] => [release, { release }],
    ),
    ["five levels, memory encryption", { pageTableLevels: 5, smeMask: 1n << 47n }],
    ["memory encryption, bit 51", { smeMask: 1n << 51n }],
    ["KASLR", { kernelOffset: 0x1660_0000, physBase: -0x1660_0000, directMap: 0xffff_9f09_c000_0000n }],
    ["4 KiB vmemmap pages", { vmemmapPageSize: 0x1000 }],
    ["sparse-extreme", { memoryModel: "sparse-extreme" }],
    ["flatmem", { memoryModel: "flatmem" }],
  ];

  test.each(cases)("%s", (_name, options) => {
    const kernel = buildKernel({ release: "6.1.0", pages, ...options });
    checkTranslation(kernel, toKdump(kernel, { codec: (pfn) => (pfn % 2 === 0 ? "lzo" : "snappy") }));
  });

  test.each(["vmcore", "qemu"] as const)("from an ELF file, style %s", (style) => {
    const kernel = buildKernel({ pages });
    checkTranslation(kernel, toElf(kernel, { style, sectionHeaderFirst: style === "qemu" }));
  });

  test.each(["5.4.0", "5.10.0", "6.1.0", "6.12.0"])("arm64, %s", (release) => {
    const base = 1024 * MiB;
    const kernel = buildKernel({
      release,
      arch: arm64,
      physBase: base,
      memory: [{ start: base, end: base + 96 * MiB }],
      pages: pages.map((page) => ({ ...page, pfn: page.pfn + base / 4096 })),
    });
    checkTranslation(kernel, toElf(kernel), base);
    checkTranslation(kernel, toKdump(kernel), base);
  });

  test("every page of a kdump file", () => {
    const kernel = buildKernel({ pages: pages.slice(0, 4), memory: 24 * MiB });
    const pfns = [...kernel.pfns()];
    const image = toKdump(kernel, { codec: (pfn) => (["raw", "zlib", "lzo", "snappy"] as const)[pfn % 4] ?? "raw" });
    const answer = readWithLibkdumpfile(
      image,
      pfns.map((pfn) => [pfn * 4096, 4096] as const),
    );
    expect(answer.pages).toEqual(pfns.map((pfn) => digest(kernel.memory.read(pfn * 4096, 4096))));
  });

  test("a kdump file filtered at level 31 lacks what it should", () => {
    const kernel = buildKernel({ pages });
    const answer = readWithLibkdumpfile(toKdump(kernel, { dumpLevel: 31 }), [
      [100 * 4096, 4096],
      [99 * 4096, 4096],
      [kernel.imagePhysical, 4096],
    ]);
    expect(answer.pages[0]).toMatch(/^error/);
    expect(answer.pages[1]).toBe(digest(new Uint8Array(4096)));
    expect(answer.pages[2]).toBe(digest(kernel.memory.read(kernel.imagePhysical, 4096)));
  });
});
