import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { AddressSpace } from "../../address-space.js";
import { type FixedMap, fixedAddressSpace } from "../fixed-maps.js";
import { walkTables } from "../page-walk.js";
import type { DecodeEntry } from "../table-shape.js";

/** The memory of a 64-bit POWER kernel, as plain data. */
export interface Ppc64Space {
  readonly arch: "ppc64";
  /** The linear map, and with the hash MMU the vmemmap's pieces. Ascending. */
  readonly maps: readonly FixedMap[];
  /** Page tables of the radix MMU; `undefined` for the hash MMU, whose tables do not map the vmemmap. */
  readonly radix: { readonly root: number; readonly pageShift: number } | undefined;
}

/** The linear map: physical address 0 (PAGE_OFFSET, arch/powerpc/include/asm/page.h). */
export const LINEAR_START = 0xc000_0000_0000_0000n;
/** Bits of Power ISA 3.0 book III, 5.7.11, here counted from the lowest. */
const VALID = 1n << 63n;
const LEAF = 1n << 62n;
const PAGE_ADDRESS = 0x01ff_ffff_ffff_f000n;
const TABLE_ADDRESS = 0x0fff_ffff_ffff_ff00n;

/** Fixed maps first, then the radix tables, whose entries are big endian whatever the kernel's order is. */
export function ppc64AddressSpace({ maps, radix }: Ppc64Space, memory: PhysicalMemory): AddressSpace {
  if (radix === undefined) return fixedAddressSpace(maps);
  // arch/powerpc/include/asm/book3s/64/radix-64k.h, radix-4k.h: pages of 2 MiB and 1 GiB are the same in both.
  const { root, pageShift } = radix;
  const levels = [
    { shift: 39, bits: 13 },
    { shift: 30, bits: 9 },
    { shift: 21, bits: 9 },
    { shift: pageShift, bits: 21 - pageShift },
  ];
  const last = levels.length - 1;
  const decode: DecodeEntry = (entry, level) => {
    if ((entry & VALID) === 0n) return undefined;
    if ((entry & LEAF) === 0n) return level < last ? { table: Number(entry & TABLE_ADDRESS) } : undefined;
    const shift = (levels[level] as (typeof levels)[number]).shift;
    return { page: Number(entry & PAGE_ADDRESS & ~((1n << BigInt(shift)) - 1n)), shift };
  };
  return fixedAddressSpace(maps, walkTables({ root, levels, entrySize: 8, littleEndian: false }, memory, decode));
}
