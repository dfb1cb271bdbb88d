import { parseNotes } from "../../reader/notes.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import { Warnings } from "../../warnings.js";
import { buildIdIn, type Vmlinux } from "./vmlinux.js";

/**
 * A kernel's image in physical memory: all of it is at one distance from where it was linked. Variables are read by
 * name and without page tables, which are not found yet. A variable that is missing is `undefined`.
 */
export interface KernelImage {
  readonly vmlinux: Vmlinux;
  /** An integer of `size` bytes, unsigned. */
  integer(name: string, size: 1 | 4 | 8, offset?: number): bigint | undefined;
  /** An unsigned long. */
  word(name: string, offset?: number): bigint | undefined;
  /** The build id in the kernel's own notes, in hexadecimal. */
  buildId(): string | undefined;
}

const MAX_NOTES = 1 << 16;

/** The image whose `linux_banner` is at `paddr`. */
export function kernelImage(
  vmlinux: Vmlinux,
  memory: PhysicalMemory,
  bannerAddress: bigint,
  paddr: number,
): KernelImage {
  const { littleEndian, wordSize } = vmlinux.machine;
  const place = (address: bigint) => BigInt.asIntN(64, address - bannerAddress + BigInt(paddr));
  const read = (bytes: Uint8Array, address: bigint): boolean => {
    const at = place(address);
    if (at < 0n || at > BigInt(Number.MAX_SAFE_INTEGER)) return false;
    return memory.read(bytes, Number(at)) === bytes.length;
  };
  const integer = (name: string, size: 1 | 4 | 8, offset = 0): bigint | undefined => {
    const symbol = vmlinux.linked(name);
    if (symbol === undefined) return undefined;
    const bytes = Buffer.alloc(size);
    if (!read(bytes, symbol.address + BigInt(offset))) return undefined;
    if (size === 1) return BigInt(bytes.readUInt8(0));
    if (size === 4) return BigInt(littleEndian ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0));
    return littleEndian ? bytes.readBigUInt64LE(0) : bytes.readBigUInt64BE(0);
  };
  const buildId = (): string | undefined => {
    const [start, stop] = ["__start_notes", "__stop_notes"].map((name) => vmlinux.linked(name)?.address);
    if (start === undefined || stop === undefined || stop <= start || stop - start > MAX_NOTES) return undefined;
    const area = new Uint8Array(Number(stop - start));
    return read(area, start) ? buildIdIn(parseNotes(area, littleEndian, "", new Warnings())) : undefined;
  };
  return { vmlinux, integer, word: (name, offset) => integer(name, wordSize, offset), buildId };
}
