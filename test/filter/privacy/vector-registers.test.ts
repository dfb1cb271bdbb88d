/** Vector registers in memory of their own: what a damaged pointer leads to stays. */
import { expect, test } from "vitest";
import { vectorsInSlab } from "../../../src/filter/privacy/vector-registers.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { cacheOf, machine } from "../../support/fake-machine.js";

/** Three objects of 256 bytes, of which the second is free. */
const slabOf = (name: string) =>
  ({ cache: cacheOf(name, 0x100), start: 0x1000, count: 3, free: Uint8Array.of(0, 1, 0) }) as unknown as Slab;
const { kernel, view } = machine({}, { "kmem_cache.refcount": [0, 8], "struct task_struct": [0, 0x100] });
view.setUint32(0x100, 1, true);

test("objects in use that begin there go whole; not what contains the place, and not one of a known type", () => {
  const places = [0x0f00, 0x1000, 0x1100, 0x1200, 0x1300];
  const both = [
    { start: 0x1000, length: 0x100 },
    { start: 0x1200, length: 0x100 },
  ];
  expect(vectorsInSlab(kernel, slabOf("kmalloc-256"), places)).toEqual(both);
  expect(vectorsInSlab(kernel, slabOf("task_xstate"), places)).toEqual(both);
  expect(vectorsInSlab(kernel, slabOf("kmalloc-256"), [0x1008, 0x10ff, 0x1240])).toEqual([]);
  expect(vectorsInSlab(kernel, slabOf("task_struct"), places)).toEqual([]);
});
