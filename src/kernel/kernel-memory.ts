import { wordAt } from "../reader/fields.js";
import type { Machine } from "../reader/machine.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { type AddressSpace, readVirtual } from "./address-space.js";
import { PIECE, PieceCache } from "./piece-cache.js";

/** Reads a kernel's own data by virtual address. The result is `undefined` where the dump lacks the bytes. */
export interface KernelMemory {
  readonly info: Vmcoreinfo;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly pageSize: number;
  /** Whether a pointer may lead to the kernel's data. NULL does not, though on s390x the kernel has memory there too. */
  isKernelAddress(vaddr: bigint): boolean;
  /** An unsigned long. */
  readWord(vaddr: bigint): bigint | undefined;
  /** Exactly `length` bytes, or `undefined`. */
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
  const pages = new PieceCache(space, memory);
  const readView = (vaddr: bigint, length: number): DataView | undefined => {
    if (length <= SMALL) {
      const within = Number(vaddr & LOW_BITS);
      const piece = within + length > PIECE ? undefined : pages.at(vaddr - BigInt(within));
      // A copy: the caller may keep it, or write to it.
      if (piece !== undefined) return new DataView(piece.buffer.slice(within, within + length));
    }
    const bytes = new Uint8Array(length);
    return readVirtual(space, memory, bytes, vaddr) === length ? new DataView(bytes.buffer) : undefined;
  };
  return {
    info,
    wordSize: machine.wordSize,
    littleEndian: machine.littleEndian,
    pageSize,
    isKernelAddress: (vaddr) => vaddr >= lowestAddress && vaddr !== 0n,
    readView,
    readWord(vaddr) {
      const within = Number(vaddr & LOW_BITS);
      const piece = within + machine.wordSize > PIECE ? undefined : pages.at(vaddr - BigInt(within));
      if (piece !== undefined) return wordAt(piece, within, machine.wordSize, machine.littleEndian);
      const view = readView(vaddr, machine.wordSize);
      if (view === undefined) return undefined;
      return wordAt(view, 0, machine.wordSize, machine.littleEndian);
    },
  };
}

/** Reads of up to this many bytes use the remembered pieces: numbers, pointers, names. */
const SMALL = 128;
const LOW_BITS = BigInt(PIECE - 1);
