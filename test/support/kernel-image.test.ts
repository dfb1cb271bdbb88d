import { expect, test } from "vitest";
import { buildKernel, MiB, type PageDescription } from "./kernel-image.js";

test("struct pages that are not mapped", () => {
  const kernel = buildKernel({
    vmemmapPageSize: 0x1000,
    unmappedVmemmap: [{ start: 512, end: 1024 }],
    pages: [{ pfn: 600, kind: "anon" }],
  });
  expect(kernel.structPhysical(511)).toBeDefined();
  expect(kernel.structPhysical(512)).toBeUndefined();
  expect(kernel.structPhysical(1024)).toBeDefined();
  expect(kernel.expectedClass.get(600)).toBe("keep");
});

test("descriptions that cannot be are refused", () => {
  expect(() => buildKernel({ pages: [{ pfn: 4096, kind: "anon" }] })).toThrow("described page");
  expect(() => buildKernel({ memory: 8 * MiB })).toThrow("not in memory");
  const twice: PageDescription[] = [
    { pfn: 8, kind: "free", order: 3 },
    { pfn: 10, kind: "anon" },
  ];
  expect(() => buildKernel({ pages: twice })).toThrow("described twice");
});
