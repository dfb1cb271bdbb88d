import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { AddressSpace } from "../address-space.js";
import { walkTables } from "./page-walk.js";

/**
 * A table that a lost top table pointed to: it maps the addresses [start, end), those of one entry of the top table.
 */
export interface TableBelow {
  readonly start: bigint;
  readonly end: bigint;
  /** Its physical address. */
  readonly table: number;
}

/** An address space whose top table has lost entries: these entries' addresses are translated by the tables below. */
export function withTablesBelow(
  space: AddressSpace,
  below: readonly TableBelow[],
  memory: PhysicalMemory,
): AddressSpace {
  const spaces = below.map((one) => ({ ...one, space: spaceBelow(space, one.table, memory) }));
  return {
    ...space,
    translate(vaddr) {
      const own = spaces.find(({ start, end }) => start <= vaddr && vaddr < end);
      return (own?.space ?? space).translate(vaddr);
    },
  };
}

/**
 * The addresses that one table of the second level maps. `undefined` unless `space` has tables of two levels or more.
 */
export function spaceBelow({ tables }: AddressSpace, table: number, memory: PhysicalMemory): AddressSpace | undefined {
  if (tables === undefined || tables.shape.levels.length < 2) return undefined;
  const { shape, decode } = tables;
  const levels = shape.levels.slice(1);
  return walkTables({ ...shape, root: table, levels }, memory, (entry, level) => decode(entry, level + 1));
}

/** The addresses [start, end) of the top table's entry that an address belongs to; `undefined` without tables. */
export function topEntryOf(
  { tables }: AddressSpace,
  vaddr: bigint,
): { readonly start: bigint; readonly end: bigint } | undefined {
  const top = tables?.shape.levels[0];
  if (top === undefined) return undefined;
  const start = (vaddr >> BigInt(top.shift)) << BigInt(top.shift);
  return { start, end: start + (1n << BigInt(top.shift)) };
}
