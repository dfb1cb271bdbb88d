import { wordAt } from "../../reader/fields.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { AddressSpace, Translation } from "../address-space.js";
import type { DecodeEntry, TableLevel, TableShape } from "./table-shape.js";

/**
 * Tables are read in pieces of this many bytes. Tables may be smaller or larger, and begin at multiples of their size.
 */
const PIECE = 4096;
/**
 * The most pieces that each thread keeps: a terabyte's vmemmap needs 16 PMD tables on x86-64, walked one after the
 * other.
 */
const MAX_PIECES = 64;

/**
 * Walks page tables in the dump. A translation costs one look-up per level. The last page is remembered (in the direct
 * map it may have a gigabyte), and so is the last table of the bottom level, so neighbouring pages cost one look-up.
 * Returns `undefined` for entries that lead nowhere, and for tables that the dump does not have.
 */
export function walkTables(shape: TableShape, memory: PhysicalMemory, decode: DecodeEntry): AddressSpace {
  const levels = shape.levels.map(({ shift, bits }) => ({ shift: BigInt(shift), mask: (1n << BigInt(bits)) - 1n }));
  const last = levels.length - 1;
  const bottom = shape.levels[last] as TableLevel;
  const bottomSpan = BigInt(bottom.shift + bottom.bits);
  const entryAt = entryReader(shape, memory);
  let rememberedSpan = -1n;
  let rememberedTable = 0;
  let page = { start: 0n, end: 0n, paddr: 0 };
  const translate = (vaddr: bigint): Translation | undefined => {
    if (vaddr >= page.start && vaddr < page.end) {
      return { paddr: page.paddr + Number(vaddr - page.start), length: Number(page.end - vaddr) };
    }
    const span = vaddr >> bottomSpan;
    let level = 0;
    let table = shape.root;
    if (span === rememberedSpan) {
      level = last;
      table = rememberedTable;
    }
    for (; level <= last; level++) {
      const { shift, mask } = levels[level] as (typeof levels)[number];
      const entry = entryAt(table + Number((vaddr >> shift) & mask) * shape.entrySize);
      const step = entry === undefined ? undefined : decode(entry, level);
      if (step === undefined) return undefined;
      if ("page" in step) {
        const size = 2 ** step.shift;
        // On some machines entries have more address bits than any memory needs.
        if (step.page + size > Number.MAX_SAFE_INTEGER) return undefined;
        const within = Number(vaddr & BigInt(size - 1));
        const start = vaddr - BigInt(within);
        page = { start, end: start + BigInt(size), paddr: step.page };
        return { paddr: step.page + within, length: size - within };
      }
      table = step.table;
      if (level === last - 1) {
        rememberedSpan = span;
        rememberedTable = table;
      }
    }
    return undefined;
  };
  return { translate, tables: { shape, decode } };
}

function entryReader({ entrySize, littleEndian }: TableShape, memory: PhysicalMemory) {
  const pieces = new Map<number, DataView | undefined>();
  const single = new Uint8Array(entrySize);
  const pieceAt = (number: number): DataView | undefined => {
    if (pieces.has(number)) return pieces.get(number);
    const bytes = new Uint8Array(PIECE);
    const piece = memory.read(bytes, number * PIECE) === PIECE ? new DataView(bytes.buffer) : undefined;
    if (pieces.size >= MAX_PIECES) pieces.clear();
    pieces.set(number, piece);
    return piece;
  };
  return (paddr: number): bigint | undefined => {
    // A damaged entry may lead anywhere. An entry's address is a multiple of its size, so it never crosses a piece's
    // end.
    if (paddr < 0 || paddr % entrySize !== 0 || paddr > Number.MAX_SAFE_INTEGER) return undefined;
    const number = Math.floor(paddr / PIECE);
    const piece = pieceAt(number);
    // The dump may have only a part of the piece: the ranges of /proc/vmcore begin and end anywhere.
    if (piece === undefined) {
      if (memory.read(single, paddr) < entrySize) return undefined;
      return wordAt(new DataView(single.buffer), 0, entrySize, littleEndian);
    }
    const at = paddr - number * PIECE;
    return wordAt(piece, at, entrySize, littleEndian);
  };
}

/**
 * Translates only canonical addresses: all bits from the highest one that tables index upwards are equal. The machine
 * rejects others.
 */
export function canonicalOnly(space: AddressSpace, addressBits: number): AddressSpace {
  const sign = (1n << 64n) - (1n << BigInt(addressBits - 1));
  const isCanonical = (vaddr: bigint) => (vaddr & sign) === sign || (vaddr & sign) === 0n;
  return { ...space, translate: (vaddr) => (isCanonical(vaddr) ? space.translate(vaddr) : undefined) };
}

/**
 * Levels of tables that all have 2^bits entries; the top level takes the rest of `addressBits`. Four levels with pages
 * of 4 KiB are `evenLevels(48, 12, 9)`.
 */
export function evenLevels(addressBits: number, pageShift: number, bits: number): TableLevel[] {
  const levels: TableLevel[] = [];
  for (let shift = pageShift; shift < addressBits; shift += bits) {
    levels.unshift({ shift, bits: Math.min(bits, addressBits - shift) });
  }
  return levels;
}
