import { DumpError } from "../../errors.js";
import { Warnings } from "../../warnings.js";
import { x86RegisterNotes } from "../cpu-notes/x86_64.js";
import { type ElfFile, type ElfSection, findSection, sectionBytes } from "../elf/sections.js";
import { fields } from "../fields.js";
import { archOfElf } from "../machine.js";
import { parseNotes } from "../notes.js";
import { CUT_OFF_CURE, readInto } from "../source/byte-source.js";
import { xenRegisters } from "./context.js";
import { entrySize, readXenIndex, type XenPages } from "./index.js";

/*
 * Cores of Xen domains (`xl dump-core`; Xen's docs/misc/dump-core-format.txt): ELF files with sections and no program
 * headers. .xen_pages has the pages, one after the other in any order. .xen_pfn (domains with address translation: HVM,
 * PVH, ARM) or .xen_p2m (paravirtualised domains) has their numbers.
 */

const XEN_HEADER = 0x200_0001;
const MAX_PAGE = 65536;

/** The content of a core. */
export interface XenCore extends XenPages {
  readonly pageSize: number;
  /** The length that the file must have to contain everything. */
  readonly end: number;
  readonly noteArea: Uint8Array;
}

/** Whether an ELF file is the core of a domain. */
export function isXenCore(file: ElfFile): boolean {
  return findSection(file, ".xen_pages") !== undefined && findSection(file, ".note.Xen") !== undefined;
}

/** Reads a core's index and registers. Throws `CORRUPT`, `LIMIT`, `TRUNCATED`. */
export function readXenCore(file: ElfFile): XenCore {
  const pages = section(file, ".xen_pages");
  const { count, pageSize } = header(file, section(file, ".note.Xen"));
  const frames = findSection(file, ".xen_p2m");
  const hasFrames = frames !== undefined;
  const index = frames ?? section(file, ".xen_pfn");
  // The core of a running domain may have fewer pages than its header announces.
  const there = Math.min(Math.floor(index.size / entrySize(hasFrames)), Math.floor(pages.size / pageSize), count);
  const found = readXenIndex({ file, section: index, hasFrames, count: there, data: pages.offset, pageSize });
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
  return new DumpError("CORRUPT", `has ${what}`, { file, offset, cure: CUT_OFF_CURE });
}
