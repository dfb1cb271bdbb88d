/** Kernels whose struct pages do not say which pages are free: their free lists do. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { expectedPfns, writeElf } from "../support/kernel-dump.js";
import { buildKernel, type KernelOptions } from "../support/kernel-image.js";

const pages: KernelOptions["pages"] = [
  { pfn: 16, kind: "free", order: 0 },
  { pfn: 24, kind: "free", order: 3 },
  { pfn: 1024, kind: "free", order: 10 },
  { pfn: 64, kind: "anon", count: 4 },
  { pfn: 80, kind: "cache", count: 4 },
];
const folder = temporaryFolder();

describe.each(["sparse-extreme", "flatmem", "discontig"] as const)("2.6.32, %s", (memoryModel) => {
  test.each([0, 8, 16, 31])("level %i keeps what the kernel's lists do not have", async (level) => {
    const kernel = buildKernel({ release: "2.6.32", memoryModel, pages });
    const input = join(folder, `${memoryModel}-${level}.elf`);
    writeElf(input, kernel);
    const output = join(folder, `${memoryModel}-${level}.kdump`);
    const { warnings } = await filterFile(input, output, { level });
    expect([...bitmapPfns(readKdumpBitmap2(output))]).toEqual(expectedPfns(kernel, level));
    expect(warnings).toEqual([]);
  });
});

test("a kernel whose lists are not described keeps its free pages, and says so", async () => {
  const kernel = buildKernel({ release: "2.6.32", pages, vmcoreinfo: { remove: ["OFFSET(zone.free_area)"], add: [] } });
  const input = join(folder, "no-lists.elf");
  writeElf(input, kernel);
  const output = join(folder, "no-lists.kdump");
  const { warnings, classes } = await filterFile(input, output, { level: 16 });
  expect(classes.free).toBe(0);
  expect(warnings.map(({ code }) => code)).toEqual(["FREE_LISTS"]);
});
