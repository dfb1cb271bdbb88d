/** Files that no task has open: they are on their way through sockets, or registered for io_uring. */
import { expect, test, vi } from "vitest";
import { fileTexts } from "../../../src/filter/privacy/file-texts.js";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { BASE, dumpOf, machine, piecesOf, space, withAddresses } from "../../support/fake-machine.js";

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => ({
    ...{ cpuLists: true, sheaves: { found: false, broken: 0 }, caches: new Map(), guarded: "none" },
    each(use: (slab: Slab) => void) {
      const [stride, count, start] = [64, 3, 0x1000];
      const freelist = { offset: 32, wordSize: 8 };
      const cache = { name: "filp", address: BASE + 0x100n, stride, objectSize: stride, pad: 0, freelist };
      // The last one is free.
      const free = Uint8Array.of(0, 0, 1);
      use({ cache, start, count, end: start + stride * count, extensions: undefined, free } as unknown as Slab);
    },
  }),
}));

test("a text that a program reads in part, whose file is in no table", () => {
  const types = {
    "file.f_op": [0, 8],
    "file.private_data": [8, 8],
    "seq_file.buf": [0, 8],
    "seq_file.size": [8, 8],
    "seq_file.file": [16, 8],
    "seq_file.private": [24, 8],
    "kmem_cache.refcount": [0, 4],
  } as const;
  const { kernel, view, point, word } = machine({ init_task: 0 }, types);
  for (const [i, data] of [0x2000, 0x3000, 0x4000].entries()) {
    point(0x1000 + 64 * i, 0x800);
    point(0x1008 + 64 * i, data);
    point(data, data + 0x8000);
    word(data + 8, 4096n);
    point(data + 16, 0x1000 + 64 * i);
  }
  const files = privateObjects(dumpOf(view), {} as KernelView, space, kernel, undefined)?.files ?? [];
  expect(files).toEqual([0x2000n, 0x3000n].map((own) => ({ operations: BASE + 0x800n, own: BASE + own })));
  const named = withAddresses(kernel, {});
  expect(piecesOf(fileTexts(space, named, { tasks: [], others: files }).list)).toEqual([[0xa000, 0xc000]]);
});
