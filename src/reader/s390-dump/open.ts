import { ofFile } from "../../warnings.js";
import { type S390Registers, s390Notes } from "../cpu-notes/s390x.js";
import { cutOffError } from "../damage.js";
import type { Dump } from "../dump.js";
import { type Fields, fields } from "../fields.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import type { PhysicalMemory } from "../physical-memory.js";
import { rawMemory } from "../raw/image.js";
import { memoryDump } from "../raw/memory-dump.js";
import type { SourceImage } from "../source/source-image.js";
import { readVolume, type Volume } from "./header.js";
import { endProblem, extendedPlaces, orderVolumes, plainPlaces } from "./places.js";

/**
 * Opens a stand-alone dump of s390: the content of a dump device that `zipl -d` prepared, or copies of all volumes of
 * one (`zipl -M`). Throws `UNSUPPORTED` for a 31-bit or packed dump, `BAD_OPTION` for files that are not all volumes of
 * one dump, `CORRUPT`, and `TRUNCATED` for a dump that is cut off, unless it is salvaged.
 */
export function openS390Dump(images: readonly SourceImage[], options: FormatOptions): Dump {
  const volumes = orderVolumes(images.map(readVolume), options.salvage);
  const first = volumes[0] as Volume;
  const sources = volumes.map(({ image }) => image);
  const { path } = first.image.file;
  const { data, zeros, cut, end } = first.extended ? extendedPlaces(volumes) : plainPlaces(volumes);
  if (cut !== undefined && !options.salvage) throw cutOffError(path, cut);
  if (cut !== undefined) options.warnings.add("CUT_OFF", ofFile(path, cut));
  const unfinished = end && endProblem(volumes[end.volume] as Volume, end.offset);
  if (unfinished !== undefined) options.warnings.add("INCOMPLETE", ofFile(path, unfinished));
  const machine = machineNamed("s390x");
  const all = zeros === undefined ? { data } : { data, zeros };
  const memory = rawMemory({ kind: "raw", sources, ...all, snappy: false, tolerant: false, pageSize: 4096 });
  return memoryDump(
    {
      ...{ sources, ...all, format: "s390", machine },
      description: `${first.extended ? "extended " : ""}s390 stand-alone dump${volumes.length > 1 ? `, ${volumes.length} volumes` : ""}`,
      incomplete: cut !== undefined || unfinished !== undefined,
      timestamp: secondsOf(first.clock),
      noteArea: s390Notes(savedRegisters(first, memory)),
    },
    options,
  );
}

/** The machine's clock counts units of 2^-12 microseconds since 1900; the constant is 1970. */
function secondsOf(clock: bigint): number {
  return Math.max(0, Number((clock - 0x7d91_048b_ca00_0000n) >> 12n) / 1e6);
}

/** The header has room for no more. */
const MAX_CPUS = 512;
const PREFIXES = 0x800;
/** Versions of dumps that are not extended are numbered differently. */
const PREFIX_VERSION = 5;
/** Where a CPU's registers are saved, relative to its prefix address, and the size of that area. */
const SAVE_AREA = 0x1200;
const SAVE_SIZE = 0x200;

/** Registers of all CPUs, from their save areas in memory; empty if the dump lacks the area of a CPU. */
function savedRegisters({ fields: header, extended }: Volume, memory: PhysicalMemory): S390Registers[] {
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
