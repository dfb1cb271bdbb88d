/** Names of files on their way through calls: since 7.0 their cache has short ones only, and long ones are in other memory. */
import { expect, test, vi } from "vitest";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import type { Dump } from "../../../src/reader/dump.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const slab = (name: string, start: number, stride: number, count: number) =>
  ({
    cache: { name, address: BASE + 0x100n, stride, objectSize: stride, pad: 0, freelist: { offset: 0, wordSize: 8 } },
    ...{ start, count, end: start + stride * count, extensions: undefined, free: new Uint8Array(count) },
  }) as unknown as Slab;

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => ({
    ...{ cpuLists: true, sheaves: { found: false, broken: 0 }, caches: new Map(), guarded: "none" },
    each(use: (slab: Slab) => void) {
      use(slab("names_cache", 0x1000, 192, 2));
      use(slab("kmalloc-4k", 0x8000, 4096, 2));
      return 0;
    },
  }),
}));

test("the memory of a long name goes whole, if the name is at its begin", () => {
  const types = { filename: [0, 192], "filename.name": [0, 8], "kmem_cache.refcount": [0, 4] } as const;
  const { kernel, view, point } = machine({ init_task: 0 }, types);
  view.setInt32(0x100, 1, true);
  // One in the object itself, and a long one.
  point(0x1000, 0x1018);
  point(0x10c0, 0x9000);
  const dump = {
    ...{ maxMapnr: 32, pageSize: 4096, machine: { arch: "x86_64", wordSize: 8, littleEndian: true } },
    memory: {
      read(into: Uint8Array, at: number) {
        into.set(new Uint8Array(view.buffer, at, into.length));
        return into.length;
      },
    },
  } as unknown as Dump;
  const names = () => privateObjects(dump, {} as KernelView, space, kernel, undefined)?.found.get("path-names");
  const found = names();
  expect(found && piecesOf(found.list)).toEqual([
    [0x1000, 0x1180],
    [0x9000, 0xa000],
  ]);
  // What is in the middle of an object has another owner.
  point(0x10c0, 0x9010);
  expect(piecesOf(names()?.list as never)).toEqual([[0x1000, 0x1180]]);
});
