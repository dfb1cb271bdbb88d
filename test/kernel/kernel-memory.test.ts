/** Small reads come from pieces that are remembered: what of a page is there is read, whatever is missing or damaged beside it. */
import { expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import type { AddressSpace } from "../../src/kernel/address-space.js";
import { kernelMemory } from "../../src/kernel/kernel-memory.js";
import type { KernelObjects } from "../../src/kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../src/kernel/objects/lookup-trees.js";
import type { Machine } from "../../src/reader/machine.js";
import type { PhysicalMemory } from "../../src/reader/physical-memory.js";
import type { Vmcoreinfo } from "../../src/reader/vmcoreinfo.js";

const BASE = 0xffff888000000000n;
/** Physical memory of four pages of 4 KiB whose bytes are their addresses, at the direct map. */
const bytes = Uint8Array.from({ length: 4 * 4096 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const space = { translate: (vaddr: bigint) => ({ paddr: Number(vaddr - BASE), length: 4096 - Number(vaddr & 4095n) }) };

function memoryOf(read: PhysicalMemory["read"]) {
  const memory: PhysicalMemory = { read, next: (paddr) => paddr };
  const machine = { wordSize: 8, littleEndian: true } as Machine;
  return kernelMemory({} as Vmcoreinfo, machine, 4096, space as unknown as AddressSpace, memory, BASE);
}

/** Reads up to `end`, where the file does, and says nothing, or throws as a page does that cannot be decoded. */
const until = (end: number, fails: boolean) =>
  memoryOf((into, paddr) => {
    if (fails && paddr + into.length > end) throw new DumpError("CORRUPT", "the rest of the page is damaged");
    const n = Math.max(0, Math.min(into.length, end - paddr));
    into.set(bytes.subarray(paddr, paddr + n));
    return n;
  });

const wordAt = (at: number) => new DataView(bytes.buffer).getBigUint64(at, true);

test.each([false, true])(
  "what lies before the end of what the dump has of a page is read (the rest throws: %s)",
  (fails) => {
    const memory = until(4096 + 1000, fails);
    for (const at of [0, 4088, 4092, 4096, 4096 + 992])
      expect(memory.readWord(BASE + BigInt(at)), `${at}`).toBe(wordAt(at));
    expect([...new Uint8Array(memory.readView(BASE + 4096n, 100)?.buffer as ArrayBuffer)]).toEqual([
      ...bytes.subarray(4096, 4196),
    ]);
    for (const at of [4096 + 993, 4096 + 1000, 8192]) {
      if (fails) expect(() => memory.readWord(BASE + BigInt(at))).toThrow(DumpError);
      else expect(memory.readWord(BASE + BigInt(at)), `${at}`).toBeUndefined();
    }
  },
);

test("NULL is no pointer, though s390x has its kernel's memory from address 0 on", () => {
  const machine = { wordSize: 8, littleEndian: false } as Machine;
  const low = { translate: (vaddr: bigint) => ({ paddr: Number(vaddr), length: 4096 }) } as unknown as AddressSpace;
  const memory = kernelMemory({} as Vmcoreinfo, machine, 4096, low, { read: () => 0, next: (paddr) => paddr }, 0n);
  expect([0n, 8n, BASE].map(memory.isKernelAddress)).toEqual([false, true, true]);
  // An empty tree has no entry: what the processor keeps at address 0 was taken for one.
  const types = { member: () => ({ name: "slots", offset: 0, size: 512, count: 64 }) };
  const kernel = { memory, types, symbols: undefined } as unknown as KernelObjects;
  expect([...xarrayEntries(kernel, 0n)]).toEqual([]);
});

test("what is no damage is thrown on, by whatever is read", () => {
  const memory = memoryOf(() => {
    throw new DumpError("NOT_READABLE", "the disk is gone");
  });
  expect(() => memory.readWord(BASE)).toThrow("the disk is gone");
  expect(() => memory.readView(BASE, 16)).toThrow("the disk is gone");
});

test("a view is the caller's own: what is written to it is not what is read next", () => {
  const memory = until(bytes.length, false);
  memory.readView(BASE + 8n, 8)?.setBigUint64(0, 0n);
  expect(memory.readWord(BASE + 8n)).toBe(wordAt(8));
});

test("reads of pages by turns, more than are remembered, and across their borders, are those of the memory", () => {
  const far = new Uint8Array(400 * 4096).map((_, i) => (i * 31 + (i >> 12)) & 0xff);
  const memory = memoryOf((into, paddr) => {
    into.set(far.subarray(paddr, paddr + into.length));
    return into.length;
  });
  const view = new DataView(far.buffer);
  for (let i = 0; i < 3000; i++) {
    const at = (i * 7_919 * 13) % (far.length - 8);
    expect(memory.readWord(BASE + BigInt(at))).toBe(view.getBigUint64(at, true));
  }
});
