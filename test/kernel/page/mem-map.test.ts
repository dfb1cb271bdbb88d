/** Where struct pages are: one place tells it, by pfn. */
import { expect, test } from "vitest";
import {
  memMapOf,
  structPageAddress,
  structPageIn,
  structPageRun,
  structPagesInHole,
} from "../../../src/kernel/page/mem-map.js";

const SIZE = 64;
const VMEMMAP = 0xffff_ea00_0000_0000n;
const at = (pfn: number) => VMEMMAP + BigInt(pfn * SIZE);
/** Two neighbours that go on, one that lies elsewhere, and a hole before the last. */
const map = memMapOf(
  "test",
  [
    { startPfn: 128, endPfn: 256, address: at(128) },
    { startPfn: 0, endPfn: 128, address: at(0) },
    { startPfn: 256, endPfn: 384, address: at(4096) },
    { startPfn: 512, endPfn: 640, address: at(512) },
  ],
  SIZE,
);

test("neighbours that go on are one range", () => {
  expect([map.count, ...map.startPfn, ...map.endPfn]).toEqual([3, 0, 256, 512, 256, 384, 640]);
});

test.each([
  [0, at(0), 256],
  [127, at(127), 129],
  [128, at(128), 128],
  [255, at(255), 1],
  [256, at(4096), 128],
  [383, at(4096 + 127), 1],
  [512, at(512), 128],
  [639, at(639), 1],
])("pfn %i", (pfn, address, pages) => {
  expect(structPageRun(map, SIZE, pfn)).toEqual({ address, pages });
  expect(structPageAddress(map, SIZE, pfn)).toBe(address);
  const range = pfn < 256 ? 0 : pfn < 384 ? 1 : 2;
  expect(structPageIn(map, SIZE, range, pfn)).toBe(address);
});

test.each([384, 511, 640, -1, 2 ** 40])("pfn %i has none", (pfn) => {
  expect(structPageAddress(map, SIZE, pfn)).toBeUndefined();
});

test("a hole in the array ends with the page of memory", () => {
  expect(structPagesInHole(VMEMMAP, 4096, 64)).toBe(64);
  expect(structPagesInHole(VMEMMAP + 4032n, 4096, 64)).toBe(1);
  // Struct pages of 56 bytes lie across pages: the one that reaches into the next is not there either.
  expect(structPagesInHole(VMEMMAP + 4088n, 4096, 56)).toBe(1);
  expect(structPagesInHole(VMEMMAP + 4000n, 4096, 56)).toBe(2);
});
