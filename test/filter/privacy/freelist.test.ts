/** Free lists of slabs: plain, hardened in both ways, and every kind of damage. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AddressSpace } from "../../../src/kernel/address-space.js";
import { type FreelistForm, freeObjects } from "../../../src/kernel/objects/freelist.js";

const BASE = 0xffff_8880_0000_0000n;
const START = 0x10_0000;
const STRIDE = 64;
const COUNT = 32;
const OFFSET = 24;
const space: AddressSpace = { translate: (vaddr) => ({ paddr: Number(vaddr - BASE), length: 4096 }) };
const plain: FreelistForm = { offset: OFFSET, random: undefined, wordSize: 8, littleEndian: true };
const slab = { start: START, count: COUNT, stride: STRIDE };
const addressOf = (index: number) => BASE + BigInt(START + index * STRIDE);

const swap = (value: bigint) => Buffer.from(value.toString(16).padStart(16, "0"), "hex").readBigUInt64LE();

/** A slab's bytes with a list through some objects, and its head. */
function linked(orders: readonly (readonly number[])[], random: bigint | undefined, swapped: boolean) {
  const data = new DataView(new ArrayBuffer(COUNT * STRIDE));
  for (const order of orders) {
    order.forEach((index, i) => {
      const next = order[i + 1];
      const at = addressOf(index) + BigInt(OFFSET);
      const link = next === undefined ? 0n : addressOf(next);
      data.setBigUint64(
        index * STRIDE + OFFSET,
        random === undefined ? link : link ^ random ^ (swapped ? swap(at) : at),
        true,
      );
    });
  }
  return data;
}

const head = (order: readonly number[]) => (order[0] === undefined ? 0n : addressOf(order[0]));

describe.each([
  ["plain", undefined, false],
  ["hardened, before 5.7", 0x1234_5678_9abc_def0n, false],
  ["hardened", 0x1234_5678_9abc_def0n, true],
] as const)("%s", (_, random, swapped) => {
  const form = { ...plain, random };
  const find = (data: DataView, own: readonly number[], expected: number, cpu: readonly number[] = []) =>
    freeObjects(
      { ...slab, data },
      { own: head(own), expected, others: cpu.length > 0 ? [head(cpu)] : [] },
      space,
      form,
    );

  test("the free objects are those of the slab's list and of the CPU's", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(COUNT).keys()], { minLength: 1 }), fc.nat(COUNT), (order, split) => {
        const own = order.slice(0, split);
        const cpu = order.slice(split);
        const free = find(linked([own, cpu], random, swapped), own, own.length, cpu);
        expect([...(free ?? [])].flatMap((bit, i) => (bit ? [i] : []))).toEqual([...order].sort((a, b) => a - b));
      }),
    );
  });

  test("a list that is longer or shorter than the counters say is not believed", () => {
    const data = linked([[3, 1, 7]], random, swapped);
    expect(find(data, [3, 1, 7], 3)).toBeDefined();
    expect(find(data, [3, 1, 7], 2)).toBeUndefined();
    expect(find(data, [3, 1, 7], 4)).toBeUndefined();
  });

  test("an object in two lists, a circle, and links out of the slab or into an object are not believed", () => {
    expect(find(linked([[3, 1]], random, swapped), [3, 1], 2, [1])).toBeUndefined();
    expect(find(linked([[3, 1, 3]], random, swapped), [3], 2)).toBeUndefined();
    const out = linked([[3, COUNT - 1]], random, swapped);
    expect(
      freeObjects(
        { ...slab, data: out, count: COUNT - 1 },
        { own: addressOf(3), expected: 2, others: [] },
        space,
        form,
      ),
      "beyond the last object",
    ).toBeUndefined();
    expect(
      freeObjects({ ...slab, data: out }, { own: addressOf(3) + 8n, expected: 2, others: [] }, space, form),
      "into an object",
    ).toBeUndefined();
  });
});
