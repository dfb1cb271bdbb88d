import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { type S390Registers, s390Notes } from "../cpu-notes/s390x.js";
import type { Dump } from "../dump.js";
import { layer } from "../extents.js";
import { type Fields, fields } from "../fields.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import { memoryDump } from "../raw/memory-dump.js";
import { type ByteSource, CUT_OFF_CURE, readExactly, readWhatIsThere } from "../source/byte-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";

/*
 * Stand-alone dumps of s390 ("S390 dump"): what a dump device that `zipl -d` prepared writes, and `zgetdump` copies out. Big endian: a header of 4096 bytes, the memory as it lies, and a
 * marker with the time of its end (s390-tools, zdump/dfi_s390.h).
 */

const MAGIC = Buffer.from("a8190173618f23fd", "hex");
const HEADER = 4096;
const END = "DUMP_END";
const SMALL_ARCH = 1;
/** Of the header: there is room for no more. */
const MAX_CPUS = 512;
const PREFIXES = 0x800;
const PREFIX_VERSION = 5;
/** Where the registers of a CPU are saved, from its prefix address on, and how long that is. */
const SAVE_AREA = 0x1200;
const SAVE_SIZE = 0x200;

/** Whether a file begins so. */
export function isS390Dump(head: Uint8Array): boolean {
  return MAGIC.equals(head.subarray(0, MAGIC.length));
}

/** Opens a stand-alone dump. Throws `UNSUPPORTED` for one of 31 bits, `CORRUPT`, `TRUNCATED` for one that is cut off, unless it is salvaged. */
export function openS390Dump(image: SourceImage, options: FormatOptions): Dump {
  const source = attachSource(image);
  const header = fields(readExactly(source, 0, HEADER, "header"), false, source.name);
  if (header.u32(0x48) === SMALL_ARCH) {
    throw new DumpError("UNSUPPORTED", "is a stand-alone dump of a machine of 31 bits", {
      file: source.name,
      cure: "crash of that time opens it",
    });
  }
  const start = header.u64Number(0x20, "the start of memory");
  const size = header.u64Number(0x18, "the size of memory");
  const end = start + size;
  if (header.u32(0x0c) !== HEADER || size === 0 || !Number.isSafeInteger(end + HEADER)) {
    throw new DumpError("CORRUPT", `has a header of ${header.u32(0x0c)} bytes and ${size} bytes of memory`, {
      file: source.name,
      offset: 12,
      cure: CUT_OFF_CURE,
    });
  }
  const there = Math.max(0, Math.min(size, source.size - HEADER));
  const isCut = there < size;
  const what = `ends at byte ${source.size}; its memory goes on to ${HEADER + size}`;
  if (isCut && !options.salvage) throw new DumpError("TRUNCATED", what, { file: source.name, cure: CUT_OFF_CURE });
  if (isCut) options.warnings.add("CUT_OFF", ofFile(source.name, what));
  const unfinished = isCut ? undefined : endProblem(source, HEADER + size, header.u64(0x38));
  if (unfinished !== undefined) options.warnings.add("INCOMPLETE", ofFile(source.name, unfinished));
  return memoryDump(
    {
      sources: [image],
      data: layer([{ start, end: start + there, source: HEADER }]),
      format: "s390",
      description: "s390 stand-alone dump",
      incomplete: isCut || unfinished !== undefined,
      timestamp: secondsOf(header.u64(0x38)),
      machine: machineNamed("s390x"),
      noteArea: s390Notes(registersIn(source, header, start, there)),
    },
    options,
  );
}

/** The marker behind the memory: without it, or with one that is older, the dump was never finished. */
function endProblem(source: ByteSource, at: number, begun: bigint): string | undefined {
  const marker = readWhatIsThere(source, at, END.length + 8);
  if (marker.length < END.length + 8 || Buffer.from(marker.subarray(0, END.length)).toString("latin1") !== END)
    return "has no mark of its end: the dump was never finished";
  return fields(marker, false, source.name).u64(END.length) < begun
    ? "has a mark of its end that is older than its beginning: it is that of an earlier dump"
    : undefined;
}

/** The clock of the machine counts 2^-12 microseconds since 1900; this is 1970. */
function secondsOf(clock: bigint): number {
  return Math.max(0, Number((clock - 0x7d91_048b_ca00_0000n) >> 12n) / 1e6);
}

/** Registers of all CPUs; none if those of one are not in the file. */
function registersIn(source: ByteSource, header: Fields, start: number, size: number): S390Registers[] {
  const count = header.u16(0x5d);
  if (header.u32(8) < PREFIX_VERSION || count > MAX_CPUS) return [];
  const found: S390Registers[] = [];
  for (let cpu = 0; cpu < count; cpu++) {
    const at = header.u32(PREFIXES + 4 * cpu) + SAVE_AREA - start;
    if (at < 0 || at + SAVE_SIZE > size) return [];
    const area = fields(readExactly(source, HEADER + at, SAVE_SIZE, "registers of a CPU"), false, source.name);
    found.push(registersOf(area));
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
    // Vector registers are saved elsewhere, if at all; the floating point registers are the upper halves of the first 16.
    vectorHigh: [...doubles(0), ...new Array<bigint>(16).fill(0n)],
    vectorLow: new Array<bigint>(32).fill(0n),
  };
}
