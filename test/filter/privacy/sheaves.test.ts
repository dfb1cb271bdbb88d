/** Sheaves: free objects of which no list knows, those of CPUs and of nodes, and every kind of damage. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { markSheafObjects, sheafObjects } from "../../../src/kernel/objects/sheaves.js";
import { BARN, BASE, SheafMachine, SIZE, space } from "../../support/sheaf-machine.js";

test.each([
  ["7.2", false],
  ["6.18", true],
] as const)("%s: those of all CPUs, and the full ones of the node, in the order of addresses", (_, old) => {
  const machine = new SheafMachine(old);
  machine.sheaf(0x5000, [0x9000, 0x8000]);
  machine.sheaf(0x5100, [0x8040]);
  machine.sheaf(0x5200, [0x8080]);
  machine.sheaf(0x5300, [0xa000]);
  machine.sheaf(0x5400, [0xb000, 0xb040]);
  machine.give(0, 0, 0x5000);
  machine.give(0, 1, 0x5100);
  machine.give(0, 2, 0x5200);
  machine.give(1, 0, 0x5300);
  machine.list(BARN + 8, [0x5400]);
  const found = machine.find();
  expect([...(found?.addresses ?? [])]).toEqual([0x8000, 0x8040, 0x8080, 0x9000, 0xa000, 0xb000, 0xb040]);
  expect(found).toMatchObject({ broken: 0, cut: false });
});

test("a sheaf of another cache, one that is too large, a list without an end: counted, and the others are read", () => {
  const machine = new SheafMachine();
  machine.sheaf(0x5000, [0x9000]);
  machine.sheaf(0x5100, [0x8000], 0x1100);
  machine.sheaf(0x5200, [0x8000]);
  machine.bytes.setUint32(0x5200 + 24, 0xffff_ffff, true);
  machine.give(0, 0, 0x5000);
  machine.give(0, 1, 0x5100);
  machine.give(1, 0, 0x5200);
  machine.word(BARN + 8, 0n);
  expect([...(machine.find()?.addresses ?? [])]).toEqual([0x9000]);
  expect(machine.find()?.broken).toBe(3);
});

test("an empty sheaf is of no cache: the one that stands for caches without sheaves", () => {
  const machine = new SheafMachine();
  machine.sheaf(0x5000, [], 0);
  machine.give(0, 0, 0x5000);
  expect(machine.find()).toMatchObject({ broken: 0 });
});

test("without the CPUs' memory nothing is said; kernels before 6.18 have none", () => {
  expect(new SheafMachine(false, false).find()).toBeUndefined();
  const before = new SheafMachine();
  const types = { member: () => undefined } as unknown as KernelObjects["types"];
  expect(sheafObjects(space, { ...before.kernel, types }, [BASE])?.addresses.length).toBe(0);
});

test("whatever the memory says, the search ends and finds physical addresses only", () => {
  const value = fc.oneof(fc.nat(SIZE), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(SIZE / 8 - 1), value)), (writes) => {
      const machine = new SheafMachine();
      machine.sheaf(0x5000, [0x9000, 0x8000]);
      machine.give(0, 0, 0x5000);
      for (const [at, to] of writes) machine.word(at * 8, typeof to === "bigint" ? to : BASE + BigInt(to));
      for (const address of machine.find()?.addresses ?? []) {
        expect(address).toBeGreaterThanOrEqual(0);
        expect(address).toBeLessThan(SIZE);
      }
    }),
  );
});

test("objects of a slab that lie in sheaves are marked; an address within one, or of one on a list, is a damage", () => {
  const sheaves = { addresses: Float64Array.of(0xfc0, 0x1000, 0x1080, 0x1100), broken: 0, cut: false };
  const free = Uint8Array.of(0, 1, 0, 0);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 64 }, free, 2)).toBe(true);
  expect([...free]).toEqual([2, 1, 2, 0]);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 64 }, Uint8Array.of(1, 0, 0, 0), 2)).toBe(false);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 96 }, new Uint8Array(4), 2)).toBe(false);
});
