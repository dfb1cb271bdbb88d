/** Socket buffers: which struct sk_buff are live, and that only data within an object in use is overwritten. */
import { expect, test } from "vitest";
import { dataInSlab, restInSlab, skbReader } from "../../../src/filter/privacy/socket-buffers.js";
import { spareHeads } from "../../../src/filter/privacy/spare-heads.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";

import { machine, space } from "../../support/fake-machine.js";

/** Offsets of Debian's 6.1 for x86-64. */
const MEMBERS: Readonly<Record<string, readonly [offset: number, size: number, count?: number]>> = {
  "sk_buff.tail": [184, 4],
  "sk_buff.end": [188, 4],
  "sk_buff.head": [192, 8],
  "sk_buff.data": [200, 8],
  "sk_buff.users": [212, 4],
  "skb_shared_info.nr_frags": [2, 1],
  "skb_shared_info.dataref": [32, 4],
  "skb_shared_info.frags": [48, 17 * 16, 17],
  "sk_buff_fclones.skb2": [232, 232],
};

const types = {
  member(type: string, name: string) {
    const found = MEMBERS[`${type}.${name}`];
    return found && { name, offset: found[0], size: found[1], count: found[2], type: "" };
  },
  sizeOf: (type: string) => (type === "sk_buff_fclones" ? 468 : 232),
} as unknown as KernelTypes;

const HEAD = 0xffff_8880_0123_4000n;

function skb(change: (view: DataView) => void = () => undefined): DataView {
  const view = new DataView(new ArrayBuffer(512));
  view.setUint32(184, 100, true);
  view.setUint32(188, 704, true);
  view.setBigUint64(192, HEAD, true);
  view.setBigUint64(200, HEAD + 64n, true);
  view.setInt32(212, 1, true);
  change(view);
  return view;
}

const reader = skbReader(types, 8, true);

test("a live one has its data from head to end; fclones are two", () => {
  expect(reader?.dataOf(skb(), 0)).toEqual({ head: HEAD, length: 704 });
  const cache = (name: string, objectSize = 468) => ({ name, objectSize, stride: 512 });
  const both = new Set(["skbuff_fclone_cache", "skbuff_head_cache"]);
  expect(reader?.places(cache("skbuff_fclone_cache"), both, () => false)).toEqual([0, 232]);
  expect(reader?.places(cache("skbuff_head_cache", 256), both, () => false)).toEqual([0]);
  expect(reader?.places(cache("pool_workqueue"), both, () => true)).toEqual([]);
});

test("a cache of pairs that was merged with another is recognised by its size, whatever its name is", () => {
  const cache = { name: "pool_workqueue", objectSize: 512, stride: 512 };
  const all = new Set(["skbuff_head_cache", "pool_workqueue"]);
  expect(reader?.places(cache, all, () => true)).toEqual([0, 232]);
  expect(reader?.places(cache, all, () => false)).toEqual([]);
  expect(reader?.places({ ...cache, objectSize: 460 }, all, () => true)).toEqual([]);
  expect(reader?.places({ ...cache, stride: 1024 }, all, () => true)).toEqual([]);
});

test.each([
  ["no user", (view: DataView) => view.setInt32(212, 0, true)],
  ["a negative number of users", (view: DataView) => view.setInt32(212, -5, true)],
  ["no head", (view: DataView) => view.setBigUint64(192, 0n, true)],
  ["data before head", (view: DataView) => view.setBigUint64(200, HEAD - 1n, true)],
  ["tail before data", (view: DataView) => view.setUint32(184, 63, true)],
  ["end before tail", (view: DataView) => view.setUint32(188, 99, true)],
  ["an end that is too far", (view: DataView) => view.setUint32(188, 1 << 30, true)],
])("none: %s", (_, change) => {
  expect(reader?.dataOf(skb(change), 0)).toBeUndefined();
});

test("the shared info behind it has references and few fragments, and is as long as those", () => {
  const shared = (references: number, fragments: number) => {
    const view = new DataView(new ArrayBuffer(reader?.sharedSize ?? 0));
    view.setUint32(32, references, true);
    view.setUint8(2, fragments);
    return reader?.sharedLength(view);
  };
  expect([shared(1, 0), shared(0x1_0002, 17)]).toEqual([48, 48 + 17 * 16]);
  for (const [references, fragments] of [
    [0, 0],
    [0x2_0001, 0],
    [0xdead_beef | 0, 0],
    [1, 200],
  ] as const) {
    expect(shared(references, fragments)).toBeUndefined();
  }
});

test("only data that lie whole within one object in use", () => {
  const slab = {
    cache: { stride: 1024, objectSize: 1024 },
    start: 0x10000,
    count: 4,
    free: Uint8Array.of(0, 1, 0, 0),
  } as unknown as Slab;
  const data = [
    { start: 0xfff0, length: 64, behind: 48 },
    { start: 0x10000, length: 704, behind: 48 },
    { start: 0x10400, length: 704, behind: 48 },
    { start: 0x10800, length: 1025, behind: 48 },
    { start: 0x10c00, length: 1000, behind: 48 },
    { start: 0x11000, length: 64, behind: 48 },
  ];
  // What nobody wrote behind it has what the memory held before.
  expect(dataInSlab(slab, data)).toEqual([
    { data: data[1], rest: { start: 0x10000 + 752, length: 1024 - 752 } },
    { data: data[4], rest: undefined },
  ]);
  expect(dataInSlab({ ...slab, free: undefined }, data)).toEqual([]);
});

test("the rest of an object behind a message's text, and nothing of the next object", () => {
  const slab = { cache: { stride: 1024, objectSize: 1000 }, start: 0x10000, count: 4 } as unknown as Slab;
  // Before the slab, at an object's end, within the second, in the padding, at the slab's end, behind it.
  const ends = [0x10000, 0x10000 + 1000, 0x10400 + 100, 0x10800 + 1010, 0x11000, 0x11001];
  expect(restInSlab(slab, ends)).toEqual([{ start: 0x10464, length: 900 }]);
});

test("those that a CPU keeps for its next packets are known, as many as it says", () => {
  const symbols = { napi_alloc_cache: 0x400n, __per_cpu_offset: 0x100, __cpu_possible_mask: 0x200, nr_cpu_ids: 0x300 };
  const members: Record<string, [number, number]> = {
    "napi_alloc_cache.skb_count": [16, 4],
    "napi_alloc_cache.skb_cache": [24, 64 * 8],
    cpumask: [0, 8],
  };
  const { kernel, word, point, view } = machine(symbols, members);
  word(0x200, 3n);
  word(0x300, 2n);
  point(0x100, 0x1000);
  point(0x108, 0x2000);
  for (const [cpu, count] of [
    [0x1400, 2],
    [0x2400, 1_000_000],
  ] as const) {
    view.setUint32(cpu + 16, count, true);
    for (let i = 0; i < 3; i++) point(cpu + 24 + 8 * i, cpu + 0x4000 + 0x100 * i);
  }
  expect([...spareHeads(space, kernel)]).toEqual([0x5400, 0x5500, 0x6400, 0x6500, 0x6600]);
  expect([...spareHeads(space, machine({ ...symbols }, {}).kernel)]).toEqual([]);
});
