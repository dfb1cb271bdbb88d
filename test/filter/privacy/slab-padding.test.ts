/** What of a slab is in no object: padding of strides, the rest behind the last object, and what the allocator has there itself. */
import { expect, test } from "vitest";
import { PaddingList, slabPadding } from "../../../src/filter/privacy/slab-padding.js";
import { holesOf, unwrittenHeads, unwrittenVectors, waitingHeads } from "../../../src/filter/privacy/type-holes.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { machine } from "../../support/fake-machine.js";

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

const scalar = (offset: number, size: number, count = 1) => ({
  ...{ name: "m", offset, size, count, kind: "integer" },
});

test("holes of a type: what no member covers, without the allocator's link, eight bytes or more", () => {
  const types = {
    sizeOf: () => 192,
    scalars: () => [scalar(0, 8), scalar(4, 16), scalar(64, 4), scalar(72, 8, 4), scalar(136, 1), scalar(144, 8)],
  } as unknown as KernelTypes;
  const link = { offset: 40, wordSize: 8 };
  expect(holesOf(types, "struct some", 192, link)).toEqual([
    [152, 192],
    [104, 136],
    [20, 40],
    [48, 64],
  ]);
  // What is behind the objects is others'; of an array without a count nobody knows the end.
  expect(holesOf(types, "struct some", 160, link)[0]).toEqual([104, 136]);
  const open = { ...types, scalars: () => [scalar(0, 8, 0)] } as unknown as KernelTypes;
  expect(holesOf(open, "struct some", 192, link)).toEqual([]);
});

test("vectors of pages: entries whose page is no address were never written", () => {
  const { kernel, view, point } = machine({}, { bio_vec: [0, 16], "bio_vec.bv_page": [0, 8] });
  point(0x1000, 0x40);
  Buffer.from(view.buffer).write("words of a program that ended...", 0x1010, "latin1");
  point(0x1030, 0x80);
  expect(unwrittenVectors(kernel, view, 0x1000, 96)).toEqual([
    [16, 48],
    [64, 96],
  ]);
});

test("heads for waiting to be freed: unwritten until then, where they share no byte with another member", () => {
  const pointer = (name: string, offset: number) => ({ name, offset, size: 8, count: 1, kind: "pointer" });
  const both = (name: string, offset: number) => [pointer(`${name}.next`, offset), pointer(`${name}.func`, offset + 8)];
  const types = {
    scalars: () => [
      pointer("list.next", 0),
      pointer("list.prev", 8),
      ...both("rcu", 16),
      ...both("f_rcu", 32),
      scalar(44, 4),
    ],
  } as unknown as KernelTypes;
  expect(waitingHeads(types, "struct some", 48)).toEqual([16]);
  expect(waitingHeads(types, "struct some", 24)).toEqual([]);
  const { kernel, view, word } = machine({}, {});
  const heads = (func: bigint) => {
    word(0x1018, func);
    return unwrittenHeads(kernel, [16], view, 0x1000);
  };
  // Text that was there before; what is called when readers have ended: a function, or kfree at a place of the object; nothing.
  expect(heads(0x6574_2065_6c69_7473n)).toEqual([[16, 32]]);
  expect([0xffff_ffff_8123_4560n, 40n, 0n].map(heads)).toEqual([[], [], []]);
});

test("holes are pieces of each object, but not of a cache that is being debugged", () => {
  const list = new PaddingList();
  list.add(slab({ debugged: true }), [[8, 16]]);
  expect(list.spans()).toEqual([]);
  list.add(slab(), [[8, 16]]);
  const spans = list.spans();
  expect(spans.flatMap(({ start }) => [...start]).sort()).toEqual([0x10008, 0x103e8, 0x10c00]);
});
