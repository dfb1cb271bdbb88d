import { wordAt } from "../reader/fields.js";
import type { Machine } from "../reader/machine.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import { damageOf } from "../reader/tolerant-memory.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { type AddressSpace, readVirtual } from "./address-space.js";

/** Bytes of a piece: one page on most machines, a part of a page on others. */
export const PIECE = 4096;
/** The most pieces that are remembered: 1 MiB. */
const MAX_PIECES = 256;

/**
 * Remembers the pieces of memory that were read last: lists and tables are read word by word, many words of a page. A
 * piece that the dump does not have whole is remembered as `undefined`.
 */
export class PieceCache {
  readonly #pieces = new Map<bigint, DataView | undefined>();
  #last = -1n;
  #piece: DataView | undefined;

  constructor(
    private readonly space: AddressSpace,
    private readonly memory: PhysicalMemory,
  ) {}

  /** The piece that begins at `vaddr`. */
  at(vaddr: bigint): DataView | undefined {
    if (vaddr === this.#last) return this.#piece;
    let piece = this.#pieces.get(vaddr);
    if (piece === undefined && !this.#pieces.has(vaddr)) {
      piece = this.#read(vaddr);
      if (this.#pieces.size >= MAX_PIECES) this.#dropOldest();
      this.#pieces.set(vaddr, piece);
    }
    this.#last = vaddr;
    this.#piece = piece;
    return piece;
  }

  /** A Map's keys come in the order in which they were set. */
  #dropOldest(): void {
    const { value } = this.#pieces.keys().next();
    if (value !== undefined) this.#pieces.delete(value);
  }

  /**
   * Where a part of the piece is damaged (a file that was cut off), the bytes that the caller wants may be sound. They
   * are then read without the piece, and that read reports the damage.
   */
  #read(vaddr: bigint): DataView | undefined {
    const bytes = new Uint8Array(PIECE);
    try {
      return readVirtual(this.space, this.memory, bytes, vaddr) === PIECE ? new DataView(bytes.buffer) : undefined;
    } catch (error) {
      damageOf(error);
      return undefined;
    }
  }
}

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
  /** Exactly `length` bytes, or `undefined`; also for lengths that no table of a kernel has. */
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
    // Lengths come from the dump, too.
    if (!(length >= 0 && length <= MOST_AT_ONCE)) return undefined;
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

/** The most bytes that are read at once: four times the largest BTF that is taken. */
const MOST_AT_ONCE = 2 ** 28;
/** Reads of up to this many bytes use the remembered pieces: numbers, pointers, names. */
const SMALL = 128;
const LOW_BITS = BigInt(PIECE - 1);
