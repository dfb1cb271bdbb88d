/** Slabs of several large pages, as kernels with pages of 64 KiB make them for large objects: what nobody wrote in them goes, too. */
import { expect, test, vi } from "vitest";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { cacheOf, dumpOf, machine, piecesOf, space, walkOver } from "../../support/fake-machine.js";

const slab = {
  cache: cacheOf("biovec-max", 4096),
  ...{ start: 0, count: 32, end: 0x20000, extensions: undefined, free: new Uint8Array(32) },
} as unknown as Slab;

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => walkOver(slab),
}));

test.each([
  ["a cache of its own", 1, [[0x1f000, 0x1f010]]],
  ["a cache that has others' objects too", 2, undefined],
])("tables of 256 pieces in a slab of 128 KiB, in %s", (_, owners, pieces) => {
  const types = { bio_vec: [0, 16], "bio_vec.bv_page": [0, 8], "kmem_cache.refcount": [0, 4] } as const;
  const { kernel, view, point } = machine({ init_task: 0 }, types);
  for (let at = 0; at < 0x20000; at += 16) point(at, 0x1000);
  view.setBigUint64(0x1f000, 0n, true);
  view.setInt32(0x100, owners, true);
  const found = privateObjects(dumpOf(view), {} as KernelView, space, kernel, undefined)?.found.get("unwritten");
  expect(found && piecesOf(found.list)).toEqual(pieces);
});
