/** Registers that CPUs left in memory when the kernel crashed. */

import { expect, test } from "vitest";
import type { KernelMemory } from "../../src/kernel/kernel-memory.js";
import { crashRegisters } from "../../src/kernel/objects/crash-notes.js";
import type { KernelObjects } from "../../src/kernel/objects/kernel-objects.js";
import { encodeNote } from "../../src/reader/cpu-notes/encode-notes.js";
import { NT_PRSTATUS } from "../../src/reader/notes.js";

const SIZE = 336;
const BASE = 0xffff_8880_0000_0000n;
const AT: Readonly<Record<string, number>> = {
  __cpu_possible_mask: 0,
  __cpu_online_mask: 8,
  nr_cpu_ids: 16,
  crash_notes: 24,
  __per_cpu_offset: 32,
};
/** Where the first CPU's buffer is, and how far apart they are. */
const [NOTES, APART] = [0x1000, 0x400];

/** A kernel's memory of 16 KiB: masks, per-CPU offsets, and a buffer for each CPU. */
function machine(masks: { readonly possible: number; readonly online: number }, buffers: readonly Uint8Array[]) {
  const view = new DataView(new ArrayBuffer(0x4000));
  view.setUint32(0, masks.possible, true);
  view.setUint32(8, masks.online, true);
  view.setUint32(16, 8, true);
  view.setBigUint64(24, BASE + BigInt(NOTES), true);
  buffers.forEach((bytes, cpu) => {
    view.setBigUint64(32 + 8 * cpu, BigInt(cpu * APART), true);
    new Uint8Array(view.buffer).set(bytes, NOTES + cpu * APART);
  });
  const memory: Pick<KernelMemory, "wordSize" | "littleEndian" | "isKernelAddress" | "readView" | "readWord"> = {
    wordSize: 8,
    littleEndian: true,
    isKernelAddress: (address) => address >= BASE,
    readView: (address, length) =>
      new DataView(view.buffer.slice(Number(address - BASE), Number(address - BASE) + length)),
    readWord: (address) => view.getBigUint64(Number(address - BASE), true),
  };
  const address = (name: string) => (name in AT ? BASE + BigInt(AT[name] as number) : undefined);
  return { memory, symbols: { address } } as unknown as Pick<KernelObjects, "memory" | "symbols">;
}

const note = (fill: number, size = SIZE, name = "CORE") =>
  encodeNote(name, NT_PRSTATUS, new Uint8Array(size).fill(fill), true);
const saved = (objects: Pick<KernelObjects, "memory" | "symbols">) =>
  crashRegisters(objects, SIZE)?.map(({ prstatus }) => prstatus?.[0]);

test("of each CPU that saved them, in order", () => {
  expect(saved(machine({ possible: 0b11, online: 0b11 }, [note(1), note(2)]))).toEqual([1, 2]);
});

test("one CPU of two has saved none", () => {
  const empty = new Uint8Array(SIZE);
  expect(saved(machine({ possible: 0b11, online: 0b11 }, [note(1), empty]))).toEqual([1, undefined]);
  // One that a panic took offline counts if it has saved registers.
  expect(saved(machine({ possible: 0b1111, online: 0b1 }, [empty, empty, note(3), empty]))).toEqual([
    undefined,
    undefined,
    3,
  ]);
});

test("CPUs that may be plugged in, and are not, are none", () => {
  const empty = new Uint8Array(SIZE);
  expect(saved(machine({ possible: 0b1111, online: 0b11 }, [empty, empty, empty, empty]))).toEqual([
    undefined,
    undefined,
  ]);
});

test("what is no note of registers is passed over", () => {
  const other = [note(1, SIZE - 8), note(1, SIZE, "CORF"), note(1).fill(0xff, 0, 8)];
  expect(saved(machine({ possible: 0b111, online: 0b111 }, other))).toEqual([undefined, undefined, undefined]);
});
