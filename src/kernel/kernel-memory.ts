import { wordAt } from "../reader/fields.js";
import type { Machine } from "../reader/machine.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { type AddressSpace, readVirtual } from "./address-space.js";

/** Reads a kernel's own data by virtual address. A value that the dump does not have is `undefined`. */
export interface KernelMemory {
  readonly info: Vmcoreinfo;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly pageSize: number;
  isKernelAddress(vaddr: bigint): boolean;
  /** An unsigned long. */
  readWord(vaddr: bigint): bigint | undefined;
  /** `length` bytes, all of them or nothing. */
  readView(vaddr: bigint, length: number): DataView | undefined;
}

export function kernelMemory(
  info: Vmcoreinfo,
  machine: Machine,
  pageSize: number,
  space: AddressSpace,
  memory: PhysicalMemory,
  lowestAddress: bigint,
): KernelMemory {
  const readView = (vaddr: bigint, length: number): DataView | undefined => {
    const bytes = new Uint8Array(length);
    return readVirtual(space, memory, bytes, vaddr) === length ? new DataView(bytes.buffer) : undefined;
  };
  return {
    info,
    wordSize: machine.wordSize,
    littleEndian: machine.littleEndian,
    pageSize,
    isKernelAddress: (vaddr) => vaddr >= lowestAddress,
    readView,
    readWord(vaddr) {
      const view = readView(vaddr, machine.wordSize);
      if (view === undefined) return undefined;
      return wordAt(view, 0, machine.wordSize, machine.littleEndian);
    },
  };
}
