import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { AddressSpace } from "../../address-space.js";
import { evenLevels, walkTables } from "../page-walk.js";
import type { DecodeEntry } from "../table-shape.js";

/** The page tables of an arm64 kernel, as plain data. */
export interface Arm64Space {
  readonly arch: "arm64";
  /** Physical address of swapper_pg_dir. */
  readonly root: number;
  /** 12, 14 or 16. */
  readonly pageShift: number;
  /** Bits of an address that index the tables. */
  readonly vaBits: number;
  /** Where an entry has the physical address's bits 48 to 51. */
  readonly format: Arm64Format;
}

/**
 * Where an entry has bits 48 to 51. `48`: nowhere. `lpa`: in bits 12 to 15, with pages of 64 KiB, where these are not
 * address bits. `lpa2`: bits 48 and 49 at their own place, 50 and 51 in bits 8 and 9, with smaller pages and 52-bit
 * addresses (Arm ARM D8.3, FEAT_LPA and FEAT_LPA2).
 */
export type Arm64Format = "48" | "lpa" | "lpa2";

const VALID = 1n;
/** In the bottom level: a page; above: a table and not a block. */
const TABLE_OR_PAGE = 2n;

/** Bit 55 selects the kernel's or the user's tables, and the byte above may be a tag (Arm ARM D8.2, TBI). */
const HALF_BIT = 55;

/**
 * Translates all addresses by the page tables: the linear map, the kernel's image, the vmemmap. The tables do not index
 * the bits above `vaBits`: without checking them, a user-space address would be translated as the kernel address with
 * the same lower bits.
 */
export function arm64AddressSpace(image: Arm64Space, memory: PhysicalMemory): AddressSpace {
  const { root, pageShift, vaBits } = image;
  const levels = evenLevels(vaBits, pageShift, pageShift - 3);
  const last = levels.length - 1;
  const address = outputAddress(image.format, pageShift);
  const decode: DecodeEntry = (entry, level) => {
    if ((entry & VALID) === 0n) return undefined;
    const tableOrPage = (entry & TABLE_OR_PAGE) !== 0n;
    if (level < last && tableOrPage) return { table: address(entry) };
    // The bottom level has no blocks: such an entry is reserved and maps nothing.
    if (level === last && !tableOrPage) return undefined;
    const shift = pageShift + (last - level) * (pageShift - 3);
    return { page: Math.floor(address(entry) / 2 ** shift) * 2 ** shift, shift };
  };
  const space = walkTables({ root, levels, entrySize: 8, littleEndian: true }, memory, decode);
  const upper = (1n << BigInt(HALF_BIT + 1)) - (1n << BigInt(vaBits));
  return { ...space, translate: (vaddr) => ((vaddr & upper) === upper ? space.translate(vaddr) : undefined) };
}

function outputAddress(format: Arm64Format, pageShift: number): (entry: bigint) => number {
  const field = (top: number) => (1n << BigInt(top)) - (1n << BigInt(pageShift));
  const low = field(48);
  if (format === "48") return (entry) => Number(entry & low);
  if (format === "lpa") return (entry) => Number((entry & low) | (((entry >> 12n) & 0xfn) << 48n));
  const straight = field(50);
  return (entry) => Number((entry & straight) | (((entry >> 8n) & 3n) << 50n));
}
