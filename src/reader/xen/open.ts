import type { DumpError } from "../../errors.js";
import { ofFile, Warnings } from "../../warnings.js";
import { type X86_SEGMENTS, type X86Registers, type X86Segment, x86RegisterNotes } from "../cpu-notes/x86_64.js";
import { cutOffError } from "../damage.js";
import type { Dump } from "../dump.js";
import { readElfHeader } from "../elf/header.js";
import { type ElfFile, type ElfSection, findSection, readElfFile, sectionBytes } from "../elf/sections.js";
import { layer } from "../extents.js";
import { fields } from "../fields.js";
import type { FormatOptions } from "../format.js";
import { type FrameRun, framesNote } from "../frames.js";
import { archOfElf } from "../machine.js";
import { parseNotes } from "../notes.js";
import { memoryDump } from "../raw/memory-dump.js";
import { type ByteSource, readInto } from "../source/byte-source.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { damageOf } from "../tolerant-memory.js";
import { entrySize, readXenIndex, type XenPages } from "./index.js";

/**
 * Opens the core of a Xen domain; `undefined` for any other ELF file. Throws `TRUNCATED` for a core that is cut off, unless it is salvaged, `CORRUPT`.
 */
export function openXenCore(image: SourceImage, options: FormatOptions): Dump | undefined {
  const source = attachSource(image);
  const { phnum, shnum } = readElfHeader(source, true);
  if (phnum !== 0 || shnum === 0) return undefined;
  const file = sectionsOf(source);
  if (file === undefined || !isXenCore(file)) return undefined;
  const { pieces, frames, end, noteArea } = readXenCore(file, bytesHeld(image));
  const cut = end > source.size;
  const what = `ends at byte ${source.size}; its pages go on to ${end}`;
  if (cut && !options.salvage) throw cutOffError(source.name, what);
  if (cut) options.warnings.add("CUT_OFF", ofFile(source.name, what));
  const there = pieces.map((piece) => ({
    ...piece,
    end: Math.min(piece.end, piece.start + Math.max(0, source.size - piece.source)),
  }));
  const facts = archOfElf(file.machine, file.elfClass);
  const machine = facts && { arch: facts.arch, wordSize: facts.wordSize, littleEndian: file.littleEndian };
  return memoryDump(
    {
      sources: [image],
      data: layer(there),
      format: "xen",
      description: frames === undefined ? "core of a Xen domain" : "core of a paravirtualised Xen domain",
      incomplete: cut,
      machine,
      noteArea: frames === undefined ? noteArea : withNote(noteArea, frames, options.warnings, source.name),
    },
    options,
  );
}

/**
 * A note translates the page tables' addresses, so that outputs have the translation too. Other programs only know
 * cores that they read themselves: seen with crash 8.0.2 and libkdumpfile 0.5.1.
 */
function withNote(noteArea: Uint8Array, frames: readonly FrameRun[], warnings: Warnings, file: string): Uint8Array {
  const note = framesNote(frames);
  if (note === undefined) {
    const what = `${frames.length} stretches of the host's memory are more than are read: its page tables lead nowhere`;
    warnings.add("HOST_ADDRESSES", ofFile(file, what));
    return noteArea;
  }
  const what =
    "its page tables have addresses of the host's memory; coresieve reads the output, and gdb one with -E, but crash and drgn do not";
  warnings.add("HOST_ADDRESSES", ofFile(file, what));
  return Buffer.concat([noteArea, note]);
}

/** The file's sections; `undefined` if they cannot be read: then the reader of ELF files says what the file is. */
function sectionsOf(source: ByteSource): ElfFile | undefined {
  try {
    return readElfFile(source);
  } catch (error) {
    damageOf(error);
    return undefined;
  }
}

/*
 * Cores of Xen domains (`xl dump-core`; Xen's docs/misc/dump-core-format.txt): ELF files with sections and no program
 * headers. .xen_pages has the pages, one after the other in any order. .xen_pfn (domains with address translation: HVM,
 * PVH, ARM) or .xen_p2m (paravirtualised domains) has their numbers.
 */

const XEN_HEADER = 0x200_0001;
const MAX_PAGE = 65536;

/** The content of a core. */
interface XenCore extends XenPages {
  readonly pageSize: number;
  /** The length that the file must have to contain everything. */
  readonly end: number;
  readonly noteArea: Uint8Array;
}

/** Whether an ELF file is the core of a domain. */
function isXenCore(file: ElfFile): boolean {
  return findSection(file, ".xen_pages") !== undefined && findSection(file, ".note.Xen") !== undefined;
}

/** Reads a core's index and registers. Throws `CORRUPT`, `LIMIT`, `TRUNCATED`. */
function readXenCore(file: ElfFile, held: number): XenCore {
  const pages = section(file, ".xen_pages");
  const { count, pageSize } = header(file, section(file, ".note.Xen"));
  const frames = findSection(file, ".xen_p2m");
  const hasFrames = frames !== undefined;
  const index = frames ?? section(file, ".xen_pfn");
  // The core of a running domain may have fewer pages than its header announces.
  const there = Math.min(Math.floor(index.size / entrySize(hasFrames)), Math.floor(pages.size / pageSize), count);
  const found = readXenIndex({ file, section: index, hasFrames, count: there, data: pages.offset, pageSize, held });
  return { ...found, pageSize, end: pages.offset + there * pageSize, noteArea: registers(file, hasFrames) };
}

function header({ source, littleEndian }: ElfFile, { offset, size }: ElfSection): { count: number; pageSize: number } {
  const area = new Uint8Array(Math.min(size, MAX_PAGE));
  readInto(source, area, offset, "notes");
  const note = parseNotes(area, littleEndian, source.name, new Warnings()).find(({ type }) => type === XEN_HEADER);
  const desc = note && note.desc.length >= 32 ? fields(note.desc, littleEndian, source.name) : undefined;
  const pageSize = desc?.u64Number(24, "the page size") ?? 0;
  if (desc === undefined || pageSize < 4096 || pageSize > MAX_PAGE || (pageSize & (pageSize - 1)) !== 0)
    throw damaged(source.name, offset, desc === undefined ? "no header among its notes" : `pages of ${pageSize} bytes`);
  return { count: desc.u64Number(16, "the number of pages"), pageSize };
}

/** Notes of the registers, for machines whose contexts are known: x86-64. */
function registers(file: ElfFile, isPv: boolean): Uint8Array {
  const found = findSection(file, ".xen_prstatus");
  if (found === undefined || archOfElf(file.machine, file.elfClass)?.arch !== "x86_64") return new Uint8Array(0);
  const contexts = xenRegisters(sectionBytes(file, found), file.source.name, isPv);
  return contexts === undefined ? new Uint8Array(0) : x86RegisterNotes(contexts);
}

function section(file: ElfFile, name: string): ElfSection {
  const found = findSection(file, name);
  if (found === undefined) throw damaged(file.source.name, 0, `no section ${name}`);
  return found;
}

function damaged(file: string, offset: number, what: string): DumpError {
  return cutOffError(file, `has ${what}`, offset, "CORRUPT");
}

/** Registers of a virtual CPU. */
type XenContext = X86Registers;

/** `vcpu_guest_context` of x86-64 (Xen's public/arch-x86/xen.h): its size, and the offsets of its members. */
const SIZE = 5168;
const GENERAL = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"];
const FLAGS = 512;
const REGISTERS = 520;
/** VGCF_in_kernel: a paravirtualised kernel runs in the users' ring. */
const IN_KERNEL = 4n;
const AT = { rip: 648, cs: 656, rflags: 664, rsp: 672, ss: 680, es: 688, ds: 696, fs: 704, gs: 712 } as const;
const CONTROL = 4984;
const FS_BASE = 5144;
const KERNEL_GS_BASE = 5152;
const USER_GS_BASE = 5160;
/** Xen's own limit is 8192. */
const MAX_CPUS = 8192;

/**
 * The contexts in a section .xen_prstatus; `undefined` unless it has complete contexts of this machine. `isPv`: the
 * domain is paravirtualised.
 */
function xenRegisters(bytes: Uint8Array, file: string, isPv = false): XenContext[] | undefined {
  const count = bytes.length / SIZE;
  if (!Number.isInteger(count) || count === 0 || count > MAX_CPUS) return undefined;
  return Array.from({ length: count }, (_, i) => contextOf(bytes.subarray(i * SIZE, (i + 1) * SIZE), file, isPv));
}

function contextOf(bytes: Uint8Array, file: string, isPv: boolean): XenContext {
  const view = fields(bytes, true, file);
  const general = Object.fromEntries(GENERAL.map((name, i) => [name, view.u64(REGISTERS + 8 * i)]));
  const segment = (at: number, base = 0n): X86Segment => ({ selector: view.u16(at), base });
  // In kernel mode GS has the kernel's base, and swapgs would load the other one.
  const inKernel = isPv ? (view.u64(FLAGS) & IN_KERNEL) !== 0n : (view.u16(AT.cs) & 3) === 0;
  // Xen also removes the ring from the selectors that it shows to such a kernel.
  const ring = (one: X86Segment): X86Segment => (isPv && inKernel ? { ...one, selector: one.selector & ~3 } : one);
  const [gs, other] = inKernel ? [KERNEL_GS_BASE, USER_GS_BASE] : [USER_GS_BASE, KERNEL_GS_BASE];
  const none: X86Segment = { selector: 0, base: 0n };
  const known: Partial<Record<(typeof X86_SEGMENTS)[number], X86Segment>> = {
    ...{ cs: ring(segment(AT.cs)), ss: ring(segment(AT.ss)), ds: segment(AT.ds), es: segment(AT.es) },
    ...{ fs: segment(AT.fs, view.u64(FS_BASE)), gs: segment(AT.gs, view.u64(gs)) },
  };
  const cr = (n: number) => view.u64(CONTROL + 8 * n);
  return {
    general: { ...general, rsp: view.u64(AT.rsp) },
    rip: view.u64(AT.rip),
    rflags: view.u64(AT.rflags),
    segments: { ...known, ldt: none, tr: none } as X86Registers["segments"],
    ...{ gdt: { base: 0n, limit: 0 }, idt: { base: 0n, limit: 0 } },
    cr: [cr(0), 0n, cr(2), cr(3), cr(4)],
    kernelGsBase: view.u64(other),
  };
}
