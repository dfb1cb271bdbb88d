import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { AddressSpace } from "../../address-space.js";
import { canonicalOnly, evenLevels, walkTables } from "../page-walk.js";

/** Where the kernel's own image is mapped: __START_KERNEL_map, the same in every x86-64 kernel, KASLR or not. */
export const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** All kernel addresses are at or above the hole of the 5-level direct map (Documentation/arch/x86/x86_64/mm.rst). */
export const LOWEST_KERNEL_ADDRESS = 0xff00_0000_0000_0000n;

/** The page tables of an x86-64 kernel, as plain data. */
export interface X86_64Space {
  readonly arch: "x86_64";
  /** Physical address of the top table. */
  readonly root: number;
  readonly levels: 4 | 5;
  /** AMD's encryption bit, which is removed from entries and from results; 0n if the machine has none. */
  readonly smeMask: bigint;
}

const PRESENT = 1n;
const LARGE = 1n << 7n;
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;

/** Everything is mapped by page tables: the direct map, the vmemmap, the kernel's image, modules. */
export function x86_64AddressSpace(image: X86_64Space, memory: PhysicalMemory): AddressSpace {
  const levels = evenLevels(image.levels === 5 ? 57 : 48, 12, 9);
  const mask = ADDRESS_MASK & ~image.smeMask;
  // Of the addresses of pages, by the level of their entries.
  const pageMasks = levels.map(({ shift }) => mask & ~((1n << BigInt(shift)) - 1n));
  const physical = (entry: bigint, bits: bigint): number | undefined => {
    const address = Number(entry & bits);
    return memory.physicalOf === undefined ? address : memory.physicalOf(address);
  };
  const space = walkTables({ root: image.root, levels, entrySize: 8, littleEndian: true }, memory, (entry, level) => {
    if ((entry & PRESENT) === 0n) return undefined;
    const shift = 12 + 9 * (image.levels - 1 - level);
    // Pages of 1 GiB, 2 MiB and 4 KiB: bit 7 is PSE in the first two and PAT in the last.
    if (shift === 12 || (shift <= 30 && (entry & LARGE) !== 0n)) {
      const page = physical(entry, pageMasks[level] as bigint);
      return page === undefined ? undefined : { page, shift };
    }
    const table = physical(entry, mask);
    return table === undefined ? undefined : { table };
  });
  return canonicalOnly(space, image.levels === 5 ? 57 : 48);
}
