import { DumpError } from "../../errors.js";
import { Warnings } from "../../warnings.js";
import { fields } from "../fields.js";
import { type Note, parseNotes } from "../notes.js";
import { type ByteSource, readExactly, readWhatIsThere } from "../source/byte-source.js";
import type { ElfHeader } from "./header.js";
import { PT_LOAD, PT_NOTE } from "./layout.js";

/*
 * /proc/kcore: the memory of the running machine as an ELF core (fs/proc/kcore.c). Its file offsets are kernel
 * addresses, counted from the start of kernel space. With page tables of five levels they are above 2^53, so coresieve
 * counts them from the first offset that it needs. Segments of RAM and of the kernel's image have physical addresses
 * since Linux 4.11; others have all ones.
 */

/**
 * A note that /proc/kcore has: the task_struct of the process that opened it. Cores of netdump and diskdump (kernels of
 * 2002 to 2008) have it, too, of the task that crashed; they lack memory without a physical address, which every kcore
 * has.
 */
const NT_TASKSTRUCT = 4;
/** The notes are three of some KiB, and VMCOREINFO. */
const MAX_NOTES = 1 << 20;
const ALL_ONES = { 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn } as const;

/** The part of /proc/kcore that is read. */
export interface Kcore {
  /** The file offset that offsets of segments count from. */
  readonly base: bigint;
  /**
   * Indexes of the program headers that are RAM. The kernel's image is part of RAM; its own program header is left out.
   */
  readonly ram: ReadonlySet<number>;
  /** VMCOREINFO (since 4.19) and nothing else: the registers in the file are those of the program that reads it. */
  readonly noteArea: Uint8Array;
}

interface Segment {
  readonly index: number;
  readonly offset: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The part of /proc/kcore that is read; `undefined` for any other core. Throws `UNSUPPORTED` for the core of a kernel
 * before 4.11, and `CORRUPT`, `TRUNCATED`.
 */
export function kcoreOf(source: ByteSource, { layout, phoff, phnum, littleEndian }: ElfHeader): Kcore | undefined {
  const table = fields(
    readExactly(source, phoff, phnum * layout.phdrSize, "program headers"),
    littleEndian,
    source.name,
  );
  const word = (at: number) => (layout.word === 8 ? table.u64(at) : BigInt(table.u32(at)));
  const { type, offset, filesz, memsz, paddr } = layout.p;
  if (phnum === 0 || table.u32(type) !== PT_NOTE) return undefined;
  const area = readWhatIsThere(source, Number(word(offset)), Math.min(MAX_NOTES, Number(word(filesz))));
  // Notes are parsed a second time later, and warnings about them come from there.
  const notes = parseNotes(area, littleEndian, source.name, new Warnings());
  if (!notes.some((note) => note.name === "CORE" && note.type === NT_TASKSTRUCT)) return undefined;
  const segments: Segment[] = [];
  let withoutAddress = 0;
  for (let index = 1; index < phnum; index++) {
    const at = index * layout.phdrSize;
    const start = word(at + paddr);
    if (table.u32(at + type) !== PT_LOAD || word(at + memsz) === 0n) continue;
    if (start === ALL_ONES[layout.word]) {
      withoutAddress++;
      continue;
    }
    segments.push({ index, offset: word(at + offset), start, end: start + word(at + memsz) });
  }
  if (segments.length > 1 && segments.every(({ start }) => start === 0n)) {
    throw new DumpError("UNSUPPORTED", "is of a kernel before 4.11, which says no physical addresses there", {
      file: source.name,
      cure: "Crash the machine with kdump set up, or take its memory with LiME or AVML",
    });
  }
  if (withoutAddress === 0) return undefined;
  const ram = segments.filter((one) => !segments.some((other) => isWithin(one, other)));
  const base = ram.reduce((least, one) => (one.offset < least ? one.offset : least), ram[0]?.offset ?? 0n);
  return { base, ram: new Set(ram.map(({ index }) => index)), noteArea: withoutCoreNotes(area, notes) };
}

function isWithin(one: Segment, other: Segment): boolean {
  if (one === other || one.start < other.start || one.end > other.end) return false;
  return one.start > other.start || one.end < other.end || other.index < one.index;
}

function withoutCoreNotes(area: Uint8Array, notes: readonly Note[]): Uint8Array {
  const kept = notes.filter(({ name }) => name !== "CORE");
  return Buffer.concat(
    kept.map(({ name, desc, descOffset }) => {
      const before = 12 + Math.ceil((name.length + 1) / 4) * 4;
      const padded = Math.ceil(desc.length / 4) * 4;
      // The file may lack the last note's padding.
      return Buffer.concat([area.subarray(descOffset - before, descOffset + padded)], before + padded);
    }),
  );
}
