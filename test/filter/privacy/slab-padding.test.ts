/** What of a slab is in no object: padding of strides, the rest behind the last object, and what the allocator has there itself. */
import { expect, test } from "vitest";
import { PaddingList, slabPadding } from "../../../src/filter/privacy/slab-padding.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";

/** A slab of 4 KiB with 3 objects of 1,000 bytes at distances of 1,024. */
function slab(change: { offset?: number; debugged?: boolean; extensions?: Slab["extensions"] } = {}): Slab {
  const { offset = 0, debugged = false, extensions } = change;
  const freelist = { offset, random: undefined, wordSize: 8 as const, littleEndian: true };
  const cache = {
    ...{ address: 0n, name: "some", stride: 1024, objectSize: 1000, pad: 0, debugged, forms: [], freelist },
  };
  return { cache, start: 0x10000, count: 3, end: 0x11000, extensions, free: undefined };
}

test("between object size and stride, and behind the last object, also where the free lists cannot be followed", () => {
  expect(slabPadding(slab())).toEqual({ pieces: [[1000, 1024]], tails: [[0x10c00, 0x11000]] });
});

test("a link behind the object stays, and what is around it goes", () => {
  expect(slabPadding(slab({ offset: 1008 })).pieces).toEqual([
    [1000, 1008],
    [1016, 1024],
  ]);
  expect(slabPadding(slab({ offset: 1016 })).pieces).toEqual([[1000, 1016]]);
});

test("struct slabobj_ext stays: behind the last object, or one in each stride", () => {
  expect(slabPadding(slab({ extensions: { start: 0x10c00, size: 8 } })).tails).toEqual([[0x10c18, 0x11000]]);
  expect(slabPadding(slab({ offset: 1000, extensions: { start: 0x10000 + 1016, size: 8 } })).pieces).toEqual([
    [1008, 1016],
  ]);
});

test("a cache that is being debugged keeps its red zones", () => {
  expect(slabPadding(slab({ debugged: true }))).toEqual({ pieces: [], tails: [] });
});

test("a list of slabs has as many records as pieces, not as objects", () => {
  const list = new PaddingList();
  list.add(slab());
  list.add({ ...slab(), start: 0x20000, end: 0x21000 });
  expect(list.slabs).toBe(2);
  expect(list.spans().map(({ start }) => [...start])).toEqual([[0x103e8, 0x10c00, 0x203e8, 0x20c00]]);
});
