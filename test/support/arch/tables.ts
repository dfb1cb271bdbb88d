/** Writing page tables of any architecture: what the levels are and what entries look like is the caller's. */
import type { ByteOrder } from "../bytes.js";
import { PhysicalMemory } from "../memory.js";

export interface TableFormat {
  /** From the top down: bits [shift, shift + bits) of an address select the entry. */
  readonly levels: readonly { readonly shift: number; readonly bits: number }[];
  readonly entrySize: 4 | 8;
  readonly byteOrder: ByteOrder;
  /** Entry of level `level` (0 is the top) that leads to a table. */
  table(paddr: bigint, level: number): bigint;
  /** Entry of level `level` that maps a page of that level's size. */
  page(paddr: bigint, level: number): bigint;
  /** What fills tables of a level that map nothing yet; default 0. */
  empty?(level: number): bigint;
}

/** Levels of tables that have the given numbers of bits, from the top down to pages of 2^pageShift bytes. */
export function levelsOf(pageShift: number, ...bits: readonly number[]): TableFormat["levels"] {
  return bits.map((count, i) => ({
    shift: pageShift + bits.slice(i + 1).reduce((sum, n) => sum + n, 0),
    bits: count,
  }));
}

export class PageTables {
  readonly #memory: PhysicalMemory;
  readonly #format: TableFormat;
  readonly #root: number;
  readonly #allocate: (bytes: number) => number;

  constructor(memory: PhysicalMemory, format: TableFormat, root: number, allocate: (bytes: number) => number) {
    this.#memory = memory;
    this.#format = format;
    this.#root = root;
    this.#allocate = allocate;
    this.#clear(root, 0);
  }

  /** Maps one page of the size of `level` (default: the bottom one). */
  map(vaddr: bigint, paddr: number | bigint, level = this.#format.levels.length - 1): void {
    let table = this.#root;
    for (let i = 0; ; i++) {
      const { shift, bits } = this.#format.levels[i] as TableFormat["levels"][number];
      const slot = table + Number((vaddr >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n)) * this.#format.entrySize;
      if (i === level) {
        this.#write(slot, this.#format.page(BigInt(paddr), i));
        return;
      }
      table = this.#next(slot, i);
    }
  }

  readonly #tables = new Map<number, number>();

  #next(slot: number, level: number): number {
    const known = this.#tables.get(slot);
    if (known !== undefined) return known;
    const { bits } = this.#format.levels[level + 1] as TableFormat["levels"][number];
    const table = this.#allocate(2 ** bits * this.#format.entrySize);
    this.#clear(table, level + 1);
    this.#write(slot, this.#format.table(BigInt(table), level));
    this.#tables.set(slot, table);
    return table;
  }

  #clear(table: number, level: number): void {
    const empty = this.#format.empty?.(level) ?? 0n;
    const { bits } = this.#format.levels[level] as TableFormat["levels"][number];
    if (empty === 0n) return;
    for (let i = 0; i < 2 ** bits; i++) this.#write(table + i * this.#format.entrySize, empty);
  }

  #write(slot: number, entry: bigint): void {
    const memory = new PhysicalMemory(this.#format.byteOrder);
    memory.writeInteger(0, this.#format.entrySize, entry);
    this.#memory.write(slot, memory.read(0, this.#format.entrySize));
  }
}
