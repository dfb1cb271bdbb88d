import { DumpError } from "../../errors.js";
import { Warnings } from "../../warnings.js";
import { x86RegisterNotes } from "../cpu-notes/x86_64.js";
import { type ElfFile, type ElfSection, findSection, sectionBytes } from "../elf/sections.js";
import type { Piece } from "../extents.js";
import { fields } from "../fields.js";
import { archOfElf } from "../machine.js";
import { parseNotes } from "../notes.js";
import { CUT_OFF_CURE, readInto } from "../source/byte-source.js";
import { type XenContext, xenRegisters } from "./context.js";

/*
 * Cores of Xen domains (`xl dump-core`; Xen's docs/misc/dump-core-format.txt): ELF files with sections and no program headers. The pages lie one after the other in .xen_pages, and .xen_pfn
 * (domains with address translation: HVM, PVH, ARM) or .xen_p2m (paravirtualised ones) says which they are, in any order.
 */

const XEN_HEADER = 0x200_0001;
/** An entry of all ones is a page that was not to be had. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Of the index, read at once. */
const INDEX_PIECE = 1 << 20;
const MAX_PAGE = 65536;

/** What a core says. */
export interface XenCore {
  readonly pieces: readonly Piece[];
  readonly pageSize: number;
  /** How long the file must be for all that. */
  readonly end: number;
  readonly noteArea: Uint8Array;
}

/** Whether an ELF file is the core of a domain. */
export function isXenCore(file: ElfFile): boolean {
  return findSection(file, ".xen_pages") !== undefined && findSection(file, ".note.Xen") !== undefined;
}

/** Reads a core's index and registers. Throws `UNSUPPORTED` for a paravirtualised domain, `CORRUPT`, `TRUNCATED`. */
export function readXenCore(file: ElfFile): XenCore {
  const { source } = file;
  const pages = section(file, ".xen_pages");
  const { count, pageSize } = header(file, section(file, ".note.Xen"));
  const index = findSection(file, ".xen_pfn");
  if (index === undefined) {
    throw new DumpError(
      "UNSUPPORTED",
      "is the core of a paravirtualised Xen domain, whose page tables have addresses of the host's memory",
      {
        file: source.name,
        cure: "crash opens it as it is; a dump that the guest's own kernel writes (kdump) can be filtered",
      },
    );
  }
  // In a core of a running domain there may be fewer pages than were announced.
  const there = Math.min(Math.floor(index.size / 8), Math.floor(pages.size / pageSize), count);
  const pieces = piecesOf(file, index, there, pages.offset, pageSize);
  return { pieces, pageSize, end: pages.offset + there * pageSize, noteArea: registers(file) };
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

/** Pages that follow each other in memory and in the file are one piece. */
function piecesOf(
  { source, littleEndian }: ElfFile,
  index: ElfSection,
  count: number,
  data: number,
  pageSize: number,
): Piece[] {
  const pieces: Piece[] = [];
  const most = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / pageSize) - 1);
  let [first, run, next] = [0, 0, -1];
  const push = (end: number) => {
    if (run > 0)
      pieces.push({ start: first * pageSize, end: (first + run) * pageSize, source: data + (end - run) * pageSize });
    run = 0;
  };
  const bytes = new Uint8Array(Math.min(INDEX_PIECE, 8 * count));
  for (let done = 0; done < count; ) {
    const n = Math.min(bytes.length / 8, count - done);
    readInto(source, bytes.subarray(0, 8 * n), index.offset + 8 * done, "index of pages");
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < n; i++) {
      const entry = view.getBigUint64(8 * i, littleEndian);
      if (entry !== NO_PAGE && entry > most)
        throw damaged(source.name, index.offset + 8 * (done + i), `page 0x${entry.toString(16)} in its index`);
      const pfn = entry === NO_PAGE ? -1 : Number(entry);
      if (pfn < 0 || pfn !== next) {
        push(done + i);
        first = pfn;
      }
      if (pfn >= 0) run++;
      next = pfn < 0 ? -1 : pfn + 1;
    }
    done += n;
  }
  push(count);
  return pieces;
}

/** Of machines whose contexts are known: x86-64. */
function registers(file: ElfFile): Uint8Array {
  const found = findSection(file, ".xen_prstatus");
  if (found === undefined || archOfElf(file.machine, file.elfClass)?.arch !== "x86_64") return new Uint8Array(0);
  const contexts: XenContext[] | undefined = xenRegisters(sectionBytes(file, found), file.source.name);
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
