import { wordAt } from "../../reader/fields.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { PageTables } from "./table-shape.js";

/** A page table: its physical address, its size in bytes, and its level, which is 0 at the top. */
export interface OwnTable {
  readonly paddr: number;
  readonly bytes: number;
  readonly level: number;
}

/** Which tables are gone through. */
export interface OwnTables {
  /** Whether addresses that an entry of the top table maps are the kernel's; as the tables index them. */
  isKernel(first: bigint, last: bigint): boolean;
  /** Physical addresses of tables of the second level that are reached without the top table. */
  readonly below: readonly number[];
}

/**
 * The most tables that are read: a direct map of 16 TiB in pages of 2 MiB has as many. Takes up to 0.1 ms each.
 */
const MOST_READ = 1 << 14;

/**
 * Calls `visit` for each page table that maps the kernel's addresses, as far as entries lead there. Tables of the
 * bottom level are not read, only named: there may be 2^29 bytes of them per TiB, the others have 2^22.
 */
export function forEachOwnTable(
  { shape, decode }: PageTables,
  memory: PhysicalMemory,
  { isKernel, below }: OwnTables,
  visit: (table: OwnTable) => void,
): void {
  const { levels, entrySize, littleEndian } = shape;
  const read = new Set<number>();
  const walk = (paddr: number, level: number) => {
    const { shift, bits } = levels[level] as (typeof levels)[number];
    const bytes = 2 ** bits * entrySize;
    if (paddr < 0 || paddr % entrySize !== 0 || paddr + bytes > Number.MAX_SAFE_INTEGER) return;
    if (level + 1 === levels.length) return visit({ paddr, bytes, level });
    if (read.has(paddr) || read.size >= MOST_READ) return;
    read.add(paddr);
    visit({ paddr, bytes, level });
    const content = new Uint8Array(bytes);
    const got = memory.read(content, paddr);
    const view = new DataView(content.buffer);
    let before = -1;
    for (let at = 0; at + entrySize <= got; at += entrySize) {
      if (view.getUint32(at) === 0 && (entrySize === 4 || view.getUint32(at + 4) === 0)) continue;
      const first = BigInt(at / entrySize) << BigInt(shift);
      if (level === 0 && !isKernel(first, first + (1n << BigInt(shift)) - 1n)) continue;
      const step = decode(wordAt(view, at, entrySize, littleEndian), level);
      // The tables of KASAN's shadow that stand for nothing are the same in many entries.
      if (step === undefined || "page" in step || step.table === before) continue;
      before = step.table;
      walk(step.table, level + 1);
    }
  };
  walk(shape.root, 0);
  if (levels.length > 1) for (const table of below) walk(table, 1);
}
