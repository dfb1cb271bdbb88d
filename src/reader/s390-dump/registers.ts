import type { S390Registers } from "../cpu-notes/s390x.js";
import { type Fields, fields } from "../fields.js";
import type { PhysicalMemory } from "../physical-memory.js";
import type { Volume } from "./header.js";

/** The header has room for no more. */
const MAX_CPUS = 512;
const PREFIXES = 0x800;
/** Versions of dumps that are not extended are numbered differently. */
const PREFIX_VERSION = 5;
/** Where a CPU's registers are saved, relative to its prefix address, and the size of that area. */
const SAVE_AREA = 0x1200;
const SAVE_SIZE = 0x200;

/** Registers of all CPUs, from their save areas in memory; empty if the dump lacks the area of a CPU. */
export function savedRegisters({ fields: header, extended }: Volume, memory: PhysicalMemory): S390Registers[] {
  const count = header.u16(0x5d);
  if ((!extended && header.u32(8) < PREFIX_VERSION) || count > MAX_CPUS) return [];
  const found: S390Registers[] = [];
  for (let cpu = 0; cpu < count; cpu++) {
    const area = new Uint8Array(SAVE_SIZE);
    if (memory.read(area, header.u32(PREFIXES + 4 * cpu) + SAVE_AREA) < SAVE_SIZE) return [];
    found.push(registersOf(fields(area, false, "")));
  }
  return found;
}

function registersOf(area: Fields): S390Registers {
  const doubles = (at: number) => Array.from({ length: 16 }, (_, i) => area.u64(at + 8 * i));
  const word = (at: number) => BigInt(area.u32(at));
  return {
    ...{ pswMask: area.u64(0x100), pswAddress: area.u64(0x108), general: doubles(0x80), control: doubles(0x180) },
    access: Array.from({ length: 16 }, (_, i) => word(0x140 + 4 * i)),
    ...{ prefix: word(0x118), floatControl: word(0x11c), todProgrammable: word(0x124) },
    ...{ timer: area.u64(0x128), clockComparator: area.u64(0x130) },
    // Vector registers are saved elsewhere, if at all; the floating point registers are the upper halves of the first
    // 16.
    vectorHigh: [...doubles(0), ...new Array<bigint>(16).fill(0n)],
    vectorLow: new Array<bigint>(32).fill(0n),
  };
}
