import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import { ELF32, ELF64, type ElfHeaderFields, PN_XNUM } from "../reader/elf/layout.js";
import type { DumpFacts } from "./dump-facts.js";
import { type ElfPiece, type OutputSegment, piecesOf } from "./elf-pieces.js";
import { findIslands, firstIsland, type Islands } from "./islands.js";

/** What an ELF file needs in addition to its facts and pages. */
export interface ElfShape {
  readonly segments: readonly OutputSegment[];
  readonly elfClass: 32 | 64;
  /** Byte order of the headers and notes. */
  readonly littleEndian: boolean;
}

/**
 * Where everything is in an ELF core file: header, program headers (PT_NOTE first, as crash requires), a section header
 * if there are too many of them, notes, page data in pfn order. Plain data, known before a byte is written; offsets and
 * sizes in bytes of the file.
 */
export interface ElfLayout {
  readonly format: "elf";
  readonly fields: ElfHeaderFields;
  readonly littleEndian: boolean;
  readonly pageSize: number;
  readonly islands: Islands;
  /** One for each PT_LOAD; their offsets count from `dataAt`. */
  readonly pieces: readonly ElfPiece[];
  /** Whether there are more program headers than the header can count: then a section header has their number. */
  readonly isExtended: boolean;
  /**
   * Whether the file's class can describe this memory. 32-bit files end at 4 GiB, and their readers do not support a
   * count in a section header.
   */
  readonly fitsClass: boolean;
  readonly notesAt: number;
  readonly dataAt: number;
  /** The file's length. Only a full disk makes it shorter. */
  readonly mostBytes: number;
}

/**
 * Walks all runs of kept pages twice. Class 32 gets a layout even if it cannot describe the memory: see `fitsClass`.
 */
export function elfLayout(
  facts: DumpFacts,
  { segments, elfClass, littleEndian }: ElfShape,
  kept: PageBitmap,
): ElfLayout {
  const { pageSize, maxMapnr, noteArea } = facts;
  const fields = elfClass === 64 ? ELF64 : ELF32;
  // ELF32 readers do not support extended numbering. Half of the possible program headers are reserved for segments
  // that overlap.
  const limit = elfClass === 32 ? PN_XNUM / 2 - 2 * segments.length : undefined;
  const islands = findIslands(kept, maxMapnr, pageSize, { limit });
  const pieces = segments.flatMap((segment) => piecesOf(segment, islands, pageSize));
  const isExtended = 1 + pieces.length >= PN_XNUM;
  const notesAt = fields.ehdrSize + (1 + pieces.length) * fields.phdrSize + (isExtended ? fields.shdrSize : 0);
  const dataAt = dataStart(notesAt + noteArea.length, pageSize);
  const isLow = segments.every((segment) => segment.end <= 2 ** 32);
  return {
    format: "elf",
    fields,
    littleEndian,
    pageSize,
    islands,
    pieces,
    isExtended,
    fitsClass: elfClass === 64 || (isLow && !isExtended),
    notesAt,
    dataAt,
    mostBytes: dataAt + islands.size,
  };
}

/** Throws `UNSUPPORTED` if the file's class cannot describe the memory. `file` is for the message. */
export function checkClass({ fitsClass }: ElfLayout, file?: string): void {
  if (fitsClass) return;
  throw new DumpError("UNSUPPORTED", "memory above 4 GiB, or too many pieces of it, for a 32-bit ELF file", {
    ...(file === undefined ? {} : { file }),
    cure: `Write a kdump-compressed file: leave out ${OPTION.elf}`,
  });
}

/** File offset of a kept page. Throws for other pages, whose content is not in the file. */
export function elfPageAt({ islands, dataAt, pageSize }: ElfLayout, pfn: number): number {
  const island = firstIsland(islands, pfn);
  const start = islands.startPfn[island];
  if (start === undefined || start > pfn) throw new Error(`page ${pfn} is not in the file`);
  return dataAt + (islands.offset[island] as number) + (pfn - start) * pageSize;
}

/** Pages [startPfn, endPfn) that are contiguous in memory and in the file. */
export interface ElfRun {
  readonly startPfn: number;
  readonly endPfn: number;
  /** File offset of the first page. */
  readonly offset: number;
}

/**
 * The kept pages in [startPfn, endPfn), ascending. Costs two searches of the bitmap and one of the islands for each
 * run.
 */
export function* elfRuns(layout: ElfLayout, kept: PageBitmap, startPfn: number, endPfn: number): Generator<ElfRun> {
  for (const run = runsFrom(startPfn); nextRun(kept, run, endPfn); )
    yield { startPfn: run.start, endPfn: run.end, offset: elfPageAt(layout, run.start) };
}

/**
 * Where page data begin. It is never a multiple of the page size, because then makedumpfile 1.7.2 reads zeros through
 * its mmap window in files with many PT_LOADs (seen with --dump-dmesg; not with --non-mmap).
 */
function dataStart(headersEnd: number, pageSize: number): number {
  const start = Math.ceil(headersEnd / 64) * 64;
  return start % pageSize === 0 ? start + 64 : start;
}
