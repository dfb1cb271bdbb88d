import type { PhysicalMemory } from "../../reader/dump.js";
import type { AddressSpace, Translation } from "../address-space.js";

/** Where the kernel's own image is mapped: __START_KERNEL_map, the same in every x86-64 kernel, KASLR or not. */
export const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** No kernel address is below the 5-level direct map's hole (Documentation/arch/x86/x86_64/mm.rst). */
export const LOWEST_KERNEL_ADDRESS = 0xff00_0000_0000_0000n;

/** The page tables of an x86-64 kernel, as plain data. */
export interface X86_64Space {
  readonly arch: "x86_64";
  /** Physical address of the top table. */
  readonly root: number;
  readonly levels: 4 | 5;
  /** AMD's encryption bit, to be taken out of entries and of results; 0n where there is none. */
  readonly smeMask: bigint;
}

const ENTRIES = 512;
const PRESENT = 1;
const LARGE = 1 << 7;
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;
/** Table pages kept per thread: 4 KiB each. A terabyte's vmemmap needs 16 PMD tables, walked one after the other. */
const MAX_TABLES = 64;

/** Walks the page tables in the dump. Each translation costs one to five cached table look-ups. */
export function x86_64AddressSpace(image: X86_64Space, memory: PhysicalMemory): AddressSpace {
  const tables = new Map<number, DataView | undefined>();
  const mask = ADDRESS_MASK & ~image.smeMask;
  const tableAt = (paddr: number): DataView | undefined => {
    if (tables.has(paddr)) return tables.get(paddr);
    const bytes = new Uint8Array(ENTRIES * 8);
    const table = memory.read(bytes, paddr) === bytes.length ? new DataView(bytes.buffer) : undefined;
    if (tables.size >= MAX_TABLES) tables.clear();
    tables.set(paddr, table);
    return table;
  };
  const walk = (vaddr: bigint): Translation | undefined => {
    let table = image.root;
    for (let shift = image.levels === 5 ? 48 : 39; ; shift -= 9) {
      const index = Number((vaddr >> BigInt(shift)) & 511n);
      const entry = tableAt(table)?.getBigUint64(index * 8, true);
      if (entry === undefined) return undefined;
      const bits = Number(entry & 0xffn);
      if ((bits & PRESENT) === 0) return undefined;
      // Pages of 1 GiB, 2 MiB and 4 KiB: bit 7 is PSE in the first two and PAT in the last.
      if (shift === 12 || (shift <= 30 && (bits & LARGE) !== 0)) {
        const size = 2 ** shift;
        const within = Number(vaddr & BigInt(size - 1));
        const base = Number(entry & mask & ~BigInt(size - 1));
        return { paddr: base + within, length: size - within };
      }
      table = Number(entry & mask);
    }
  };
  return { translate: walk };
}
