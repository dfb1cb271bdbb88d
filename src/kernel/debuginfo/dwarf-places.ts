import type { DwarfEntry } from "./dwarf-entries.js";

/** Where a bit field is, in the terms of `KernelMember`. */
export interface BitPlace {
  readonly offset: number;
  readonly bitOffset: number;
  readonly bitSize: number;
}

/**
 * Where a bit field of a type of `size` bytes is; `undefined` for other members. DWARF 4 and later count its first bit
 * from the start of the struct (least significant bit first on little-endian machines), older compilers from the most
 * significant bit of the storage unit, on every machine.
 */
export function bitPlace(member: DwarfEntry, size: number, littleEndian: boolean): BitPlace | undefined {
  const { bitSize, dataBitOffset, bitOffset, location, byteSize } = member;
  if (bitSize === undefined) return undefined;
  const storage = byteSize ?? (size === 0 ? 1 : size);
  if (dataBitOffset !== undefined || bitOffset === undefined) {
    const first = dataBitOffset ?? (location ?? 0) * 8;
    const unit = Math.floor(first / (storage * 8)) * storage;
    // A packed bit field may cross the end of its unit: then its offset is that of the byte where it begins.
    const offset = first - unit * 8 + bitSize <= storage * 8 ? unit : Math.floor(first / 8);
    return { offset, bitOffset: first - offset * 8, bitSize };
  }
  const first = littleEndian ? storage * 8 - bitOffset - bitSize : bitOffset;
  return { offset: location ?? 0, bitOffset: Math.max(0, first), bitSize };
}
