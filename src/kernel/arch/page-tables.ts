import { wordAt } from "../../reader/fields.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { PageTables } from "./table-shape.js";

/** Pages that are contiguous both in virtual addresses and in physical memory, counted in pages of the kernel. */
export interface MappedExtent {
  /** The virtual address in pages, as the tables index it: without the bits above those of the top table. */
  readonly vpn: number;
  readonly pfn: number;
  readonly pages: number;
}

/** Everything that page tables map. */
export interface TableContents {
  /** In ascending order of addresses. */
  readonly extents: readonly MappedExtent[];
  /** Tables that the dump lacks: the pages that they map are not known. */
  readonly unreadable: number;
  /** Whether limits cut the result off. */
  readonly cut: boolean;
}

/** The part of page tables that is read. */
export interface TableWindow {
  /** Pages [start, end), as the tables index them. */
  readonly start: number;
  readonly end: number;
  /** The most tables that are read. */
  readonly most: number;
}

/**
 * The most tables that are read: 64 TiB mapped by pages of 4 KiB have as many. Damage cannot make more, because each is
 * visited once.
 */
const MAX_TABLES = 1 << 25;
/** The most extents: 64 GiB of vmalloc memory in single pages. */
const MAX_EXTENTS = 1 << 24;

/**
 * Reads every table from the top one down, each once even if several entries lead to it. `onTable` is called with each
 * table's physical address and size in bytes. With a window, only tables and pages in the window are read. Takes about
 * 20 µs per table: a tenth of a second per 10 GiB of a direct map in pages of 4 KiB, next to nothing where it is in
 * large pages.
 */
export function readPageTables(
  { shape, decode }: PageTables,
  memory: PhysicalMemory,
  pageSize: number,
  onTable: (paddr: number, bytes: number) => void = () => {},
  window: TableWindow = { start: 0, end: Number.POSITIVE_INFINITY, most: MAX_TABLES },
): TableContents {
  const { levels, entrySize, littleEndian } = shape;
  const inEntry = entrySize / 4;
  const extents: { vpn: number; pfn: number; pages: number }[] = [];
  const visited = new Set<number>();
  let unreadable = 0;
  let cut = false;
  const add = (vpn: number, pfn: number, pages: number) => {
    const last = extents.at(-1);
    if (last !== undefined && last.vpn + last.pages === vpn && last.pfn + last.pages === pfn) last.pages += pages;
    else if (extents.length < MAX_EXTENTS) extents.push({ vpn, pfn, pages });
    else cut = true;
  };
  const visit = (table: number, level: number, base: number) => {
    const { shift, bits } = levels[level] as (typeof levels)[number];
    const size = 2 ** bits * entrySize;
    if (visited.has(table) || table < 0 || table % entrySize !== 0 || table + size > Number.MAX_SAFE_INTEGER) return;
    if (visited.size >= window.most) {
      cut = true;
      return;
    }
    visited.add(table);
    const bytes = new Uint8Array(size);
    const got = memory.read(bytes, table);
    onTable(table, size);
    if (got < size) unreadable++;
    const view = new DataView(bytes.buffer);
    const words = new Uint32Array(bytes.buffer);
    const span = 2 ** shift / pageSize;
    // Entries that overlap the window.
    const first = Math.max(0, Math.floor((window.start - base) / span));
    const end = Math.min(Math.floor(got / entrySize), Math.ceil((window.end - base) / span));
    for (let i = usedEntry(words, first, end, inEntry); i < end; i = usedEntry(words, i + 1, end, inEntry)) {
      const step = decode(wordAt(view, i * entrySize, entrySize, littleEndian), level);
      if (step === undefined) continue;
      if ("table" in step) {
        if (level + 1 < levels.length) visit(step.table, level + 1, base + i * span);
        continue;
      }
      // Larger pages have several entries of the same address.
      const pages = Math.max(1, Math.min(span, 2 ** step.shift / pageSize));
      const within = ((base + i * span) % (2 ** step.shift / pageSize)) * pageSize;
      add(base + i * span, Math.floor((step.page + (within > 0 ? within : 0)) / pageSize), pages);
    }
  };
  visit(shape.root, 0, 0);
  return { extents, unreadable, cut };
}

/** The first entry in [start, end) that is not empty, as most are, or `end`. An entry has one or two words. */
function usedEntry(words: Uint32Array, start: number, end: number, inEntry: number): number {
  let i = start;
  while (i < end && words[i * inEntry] === 0 && words[(i + 1) * inEntry - 1] === 0) i++;
  return i;
}
