import { firstIndex } from "../../sorted.js";
import type { AddressSpace, Translation } from "../address-space.js";

/** Addresses [start, end) that are contiguous in physical memory from `paddr` on. */
export interface FixedMap {
  readonly start: bigint;
  readonly end: bigint;
  /** May be "negative" (wrapped to 64 bits): only sums count. */
  readonly paddr: bigint;
}

/** 1 GiB: callers need no longer translation, and the length stays a safe integer. */
const MAX_LENGTH = 2 ** 30;

/** Looks addresses up in fixed maps (ascending, disjoint), and in `tables` if they are in none of them. */
export function fixedAddressSpace(maps: readonly FixedMap[], tables?: AddressSpace): AddressSpace {
  return {
    ...(tables?.tables === undefined ? {} : { tables: tables.tables }),
    translate(vaddr): Translation | undefined {
      const map = findMap(maps, vaddr);
      if (map === undefined) return tables?.translate(vaddr);
      const paddr = BigInt.asUintN(64, map.paddr + (vaddr - map.start));
      if (paddr > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
      return { paddr: Number(paddr), length: Math.min(Number(map.end - vaddr), MAX_LENGTH) };
    },
  };
}

function findMap(maps: readonly FixedMap[], vaddr: bigint): FixedMap | undefined {
  const map = maps[firstIndex(maps.length, (i) => (maps[i] as FixedMap).end > vaddr)];
  return map !== undefined && map.start <= vaddr ? map : undefined;
}

/**
 * Sorts maps, joins neighbours, and cuts off what an earlier map already covers: maps that are read from a dump may
 * overlap.
 */
export function joinMaps(maps: readonly FixedMap[]): FixedMap[] {
  const joined: FixedMap[] = [];
  const sorted = [...maps].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  for (const map of sorted) {
    const last = joined.at(-1);
    const start = last !== undefined && map.start < last.end ? last.end : map.start;
    if (start >= map.end) continue;
    const paddr = map.paddr + (start - map.start);
    if (last !== undefined && last.end === start && last.paddr + (last.end - last.start) === paddr) {
      joined[joined.length - 1] = { ...last, end: map.end };
    } else {
      joined.push({ start, end: map.end, paddr });
    }
  }
  return joined;
}

/**
 * The memory of machines whose kernels have everything that a filter needs at fixed addresses: mips, mips64 and 32-bit
 * PowerPC. There no memory model puts struct pages anywhere else.
 */
export interface LinearSpace {
  readonly arch: "mips64" | "mips" | "ppc32";
  readonly maps: readonly FixedMap[];
}

export function linearAddressSpace({ maps }: LinearSpace): AddressSpace {
  return fixedAddressSpace(maps);
}
