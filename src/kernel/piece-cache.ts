import type { PhysicalMemory } from "../reader/physical-memory.js";
import { damageOf } from "../reader/tolerant-memory.js";
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
      if (this.#pieces.size >= MAX_PIECES) this.#pieces.clear();
      this.#pieces.set(vaddr, piece);
    }
    this.#last = vaddr;
    this.#piece = piece;
    return piece;
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
