import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { type X86Registers, x86Notes } from "../cpu-notes/x86_64.js";
import { CUT_OFF_CURE, cutOffError } from "../damage.js";
import type { Dump } from "../dump.js";
import { layer, type Piece } from "../extents.js";
import { type Fields, fields } from "../fields.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import { checkClaim, checkPageCount } from "../page-count.js";
import { memoryDump } from "../raw/memory-dump.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { BLOCK, readDisk, readDumpHeader, type SadumpDisk, type SadumpHeader } from "./header.js";

const WHOLE_SET = "Name the copies of all partitions of one disk set, and nothing else";

/**
 * Opens a dump of sadump: copies of the partition, or of all partitions of a disk set. Throws `BAD_OPTION` for files
 * that are not one complete set, `CORRUPT`, `LIMIT`, and `TRUNCATED` if pages are missing, unless it is salvaged.
 */
export function openSadump(images: readonly SourceImage[], options: FormatOptions): Dump {
  const disks = wholeSet(images.map((image) => readDisk(image)));
  const first = disks[0] as SadumpDisk;
  const source = attachSource(first.image);
  const header = readDumpHeader(first);
  checkPageCount(header.maxMapnr, source.name);
  const held = bytesHeld(...disks.map(({ image }) => image));
  checkClaim(header.maxMapnr, held, source.name);
  const { stored, zeros } = readSadumpPages(source, header, held);
  const rooms = roomsOf(disks, header.pages);
  const pieces = placed(stored, rooms);
  const lost = sizeOf(stored) - sizeOf(pieces);
  const written = Math.max(0, sizeOf(stored) / BLOCK - header.written);
  if (lost > 0) {
    const what = `lacks ${lost / BLOCK} pages that its headers describe`;
    const cure = first.number === 0 ? CUT_OFF_CURE : `${WHOLE_SET}. If these are all, one was cut off: copy it again`;
    if (!options.salvage) throw new DumpError("TRUNCATED", what, { file: source.name, cure });
    options.warnings.add("CUT_OFF", ofFile(source.name, what));
  } else if (written > 0) {
    options.warnings.add("INCOMPLETE", ofFile(source.name, `was not finished: ${written} pages were not written`));
  }
  const parts = disks.length > 1 ? `, a set of ${disks.length} disks` : "";
  return memoryDump(
    {
      ...{ sources: disks.map(({ image }) => image), data: layer(pieces), zeros: layer(zeros), format: "sadump" },
      description: `sadump dump${parts}`,
      incomplete: lost > 0 || written > 0,
      ...(header.timestamp === undefined ? {} : { timestamp: header.timestamp }),
      machine: machineNamed("x86_64"),
      noteArea: x86Notes(readCpus(source, header)),
    },
    options,
  );
}

/** Sorts the disks and checks that the set is complete. */
function wholeSet(disks: readonly SadumpDisk[]): SadumpDisk[] {
  const sorted = [...disks].sort((a, b) => a.number - b.number);
  const [first] = sorted as [SadumpDisk];
  if (sorted.length === 1 && first.number <= 1) return sorted;
  const cure = WHOLE_SET;
  const strange = sorted.find(({ ids, number }) => ids !== first.ids || number === 0);
  if (strange !== undefined)
    throw new DumpError("BAD_OPTION", "is not of the same disk set", { file: strange.image.file.path, cure });
  const missing = sorted.findIndex(({ number }, i) => number !== i + 1);
  if (missing >= 0) {
    const file = (sorted[missing] as SadumpDisk).image.file.path;
    throw new DumpError("BAD_OPTION", `disk ${missing + 1} of its set was not named, or another one twice`, {
      file,
      cure,
    });
  }
  return sorted;
}

/**
 * Where pages are stored: in each disk behind its headers, up to the bytes that are used. Places count all files as if
 * they were one.
 */
function roomsOf(disks: readonly SadumpDisk[], pages: number): Piece[] {
  const rooms: Piece[] = [];
  let [base, at] = [0, 0];
  disks.forEach(({ image, number, used }, i) => {
    const begin = i === 0 ? pages : BLOCK;
    const size = sourceSize(image);
    // For a dump on one disk, the pages reach to the end of its file: the number of used bytes is the disk's.
    const end = number === 0 ? size : Math.min(size, used);
    const whole = number === 0 ? Number.MAX_SAFE_INTEGER : Math.max(0, used - begin);
    const there = Math.max(0, end - begin);
    rooms.push({ start: at, end: at + there, source: base + begin });
    at += Math.min(whole, Number.MAX_SAFE_INTEGER - at);
    base += size;
  });
  return rooms;
}

/**
 * Pieces of memory as they are stored in the disks; memory that no disk has is left out. Both lists ascend by their
 * places.
 */
function placed(stored: readonly Piece[], rooms: readonly Piece[]): Piece[] {
  const found: Piece[] = [];
  for (const { start, end, source } of stored) {
    for (const room of rooms) {
      const from = Math.max(source, room.start);
      const to = Math.min(source + end - start, room.end);
      if (to > from)
        found.push({ start: start + from - source, end: start + to - source, source: room.source + from - room.start });
    }
  }
  return found;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { start, end }) => sum + end - start, 0);
}

/*
 * The sub header: number of bytes of all states, 16 bytes for each CPU (its APIC's number), and the state of each CPU,
 * which the processor saved when the firmware took over (SMRAM save area of 64-bit processors, Intel's manual, volume
 * 3C).
 */

const MAX_CPUS = 8192;
const STATE = 1024;
/** Offsets of registers in a state. */
const GENERAL = {
  ...{ r15: 796, r14: 804, r13: 812, r12: 820, r11: 828, r10: 836, r9: 844, r8: 852 },
  ...{ rax: 860, rcx: 868, rdx: 876, rbx: 884, rsp: 892, rbp: 900, rsi: 908, rdi: 916 },
} as const;
const SELECTORS = { es: 936, cs: 940, ss: 944, ds: 948, fs: 952, gs: 956, ldt: 960, tr: 964 } as const;

/** Registers of all CPUs; empty if the sub header has no room for them. */
function readCpus(source: ByteSource, { subHeader, ramBitmap, cpus }: SadumpHeader): X86Registers[] {
  const first = subHeader + 4 + 16 * cpus;
  if (cpus > MAX_CPUS || first + STATE * cpus > ramBitmap) return [];
  return Array.from({ length: cpus }, (_, i) =>
    registersOf(fields(readExactly(source, first + STATE * i, STATE, "registers of a CPU"), true, source.name)),
  );
}

function registersOf(state: Fields): X86Registers {
  const segment = (name: keyof typeof SELECTORS) => ({ selector: state.u32(SELECTORS[name]) & 0xffff, base: 0n });
  const split = (high: number, low: number) => (BigInt(state.u32(high)) << 32n) | BigInt(state.u32(low));
  return {
    general: Object.fromEntries(Object.entries(GENERAL).map(([name, at]) => [name, state.u64(at)])),
    rip: state.u64(984),
    rflags: state.u64(1000),
    segments: {
      ...{ cs: segment("cs"), ds: segment("ds"), es: segment("es"), ss: segment("ss") },
      ...{ fs: segment("fs"), gs: segment("gs"), ldt: segment("ldt"), tr: segment("tr") },
    },
    gdt: { base: split(464, 652), limit: 0 },
    idt: { base: split(472, 660), limit: 0xfff },
    cr: [state.u64(1016), 0n, 0n, state.u64(1008), BigInt(state.u32(576))],
  };
}

/** Bytes of the bitmaps that are read at once. */
const STEP = 1 << 16;
/** The most runs of pages: a machine of some TiB has a hundred thousand. Each takes three numbers. */
const MOST_RUNS = 1 << 22;
/**
 * Runs that any dump may have; beyond that, one for so many bytes that it stores. Runs of pages that are not stored lie
 * between those that are, or at the ends of memory.
 */
const RUNS_FREELY = 1 << 17;
const BYTES_PER_RUN = 1024;

/** The memory of a dump. In its bitmaps the first page of a byte has the highest bit. */
interface SadumpPages {
  /** Physical ranges, and where they are stored, counted from the first page of all disks. */
  readonly stored: readonly Piece[];
  /** Memory that the writer found to be all zeros, and did not store. */
  readonly zeros: readonly Piece[];
}

/** Reads the two bitmaps. Throws `TRUNCATED`, `LIMIT`. */
function readSadumpPages(source: ByteSource, header: SadumpHeader, held: number): SadumpPages {
  const most = Math.min(MOST_RUNS, Math.max(RUNS_FREELY, held / BYTES_PER_RUN));
  const { maxMapnr, ramBitmap, dumpableBitmap } = header;
  const [stored, zeros]: [Run[], Run[]] = [[], []];
  let place = 0;
  const bytes = Math.ceil(maxMapnr / 8);
  for (let at = 0; at < bytes; at += STEP) {
    const length = Math.min(STEP, bytes - at);
    const ram = readExactly(source, ramBitmap + at, length, "bitmap of memory");
    const dumpable = readExactly(source, dumpableBitmap + at, length, "bitmap of pages");
    for (let i = 0; i < length; i++) {
      const [all, there] = [ram[i] as number, dumpable[i] as number];
      if ((all | there) === 0) continue;
      const first = (at + i) * 8;
      // Most bytes have pages of one kind.
      if (first + 8 <= maxMapnr && (there === 0xff || (all === 0xff && there === 0))) {
        addPages(there === 0xff ? stored : zeros, first, 8, there === 0xff ? place : 0);
        if (there === 0xff) place += 8;
        continue;
      }
      for (let bit = 0; bit < 8; bit++) {
        const pfn = first + bit;
        const mask = 0x80 >> bit;
        if (pfn >= maxMapnr) break;
        if ((there & mask) !== 0) addPages(stored, pfn, 1, place++);
        else if ((all & mask) !== 0) addPages(zeros, pfn, 1, 0);
      }
    }
    if (stored.length + zeros.length > most) throw tooMany(source, most);
  }
  const piece = ({ start, end, place: first }: Run): Piece => ({
    ...{ start: start * BLOCK, end: end * BLOCK, source: first * BLOCK },
  });
  return { stored: stored.map(piece), zeros: zeros.map(piece) };
}

interface Run {
  readonly start: number;
  end: number;
  readonly place: number;
}

function addPages(runs: Run[], pfn: number, count: number, place: number): void {
  const last = runs.at(-1);
  if (last?.end === pfn) last.end += count;
  else runs.push({ start: pfn, end: pfn + count, place });
}

function tooMany(source: ByteSource, most: number): DumpError {
  const what = `has more than ${Math.floor(most)} runs of pages, more than a dump of its size can have`;
  return cutOffError(source.name, what, undefined, "LIMIT");
}
