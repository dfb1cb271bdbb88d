import { DumpError } from "../errors.js";
import { findBit, type PageBitmap } from "../reader/bitmap.js";
import { ELF32, ELF64, type ElfLayout, ET_CORE, PN_XNUM, PT_LOAD, PT_NOTE } from "../reader/elf/layout.js";
import { factsOf } from "../reader/machine.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages, WrittenPart } from "./dump-writer.js";
import { type ElfPiece, firstIsland, type OutputSegment, piecesOf } from "./elf-pieces.js";
import { findIslands, type Islands } from "./islands.js";
import type { Sink } from "./sink.js";
import { structWriter } from "./struct-writer.js";

/** What an ELF dump describes. */
export interface ElfPages {
  /** Pages whose content goes into the file. */
  readonly kept: PageBitmap;
  readonly segments: readonly OutputSegment[];
  readonly elfClass: 32 | 64;
  /** Byte order of the headers and notes. */
  readonly littleEndian: boolean;
}

/**
 * Writes ELF core files: header, program headers (PT_NOTE first, as crash demands), notes, page data in pfn order.
 * Dropped pages have no bytes, or within an island a hole: their content is in the file nowhere.
 */
export class ElfWriter implements DumpWriter {
  readonly #sink: Sink;
  #facts: DumpFacts;
  readonly #pages: ElfPages;
  readonly #layout: ElfLayout;
  readonly #islands: Islands;
  #pieces: readonly ElfPiece[];
  readonly #notesAt: number;
  readonly #dataAt: number;
  #island = 0;
  /** Bytes of the data area that are written, and their pages. */
  #done = 0;
  #pagesWritten = 0;

  constructor(sink: Sink, facts: DumpFacts, pages: ElfPages) {
    this.#sink = sink;
    this.#facts = facts;
    this.#pages = pages;
    this.#layout = pages.elfClass === 64 ? ELF64 : ELF32;
    const { pageSize, maxMapnr } = facts;
    // ELF32 readers know no extended numbering; half of what it can count is left for segments that overlap.
    const limit = pages.elfClass === 32 ? PN_XNUM / 2 - 2 * pages.segments.length : undefined;
    this.#islands = findIslands(pages.kept, maxMapnr, pageSize, limit);
    this.#pieces = pages.segments.flatMap((segment) => piecesOf(segment, this.#islands, pageSize));
    this.#checkClass();
    const headers = this.#layout.ehdrSize + (1 + this.#pieces.length) * this.#layout.phdrSize;
    this.#notesAt = headers + (this.#extended ? this.#layout.shdrSize : 0);
    this.#dataAt = dataStart(this.#notesAt + facts.noteArea.length, pageSize);
  }

  get #extended(): boolean {
    return 1 + this.#pieces.length >= PN_XNUM;
  }

  async begin(): Promise<void> {
    // But for the headers of one that is cut short.
    this.#sink.ascendingFrom?.(0);
    this.#sink.atMost?.(this.#dataAt + this.#islands.size);
    await this.#sink.write(this.#headers(), 0);
    await this.#sink.write(this.#facts.noteArea, this.#notesAt);
  }

  /** File offset of a kept page. */
  offsetOf(pfn: number): number {
    const { startPfn, endPfn, offset } = this.#islands;
    const island = firstIsland(this.#islands, pfn);
    if (island === endPfn.length || (startPfn[island] as number) > pfn)
      throw new Error(`page ${pfn} is not in the file`);
    return this.#dataAt + (offset[island] as number) + (pfn - (startPfn[island] as number)) * this.#facts.pageSize;
  }

  async add({ startPfn, endPfn, data }: EncodedPages): Promise<void> {
    const { kept } = this.#pages;
    const { pageSize } = this.#facts;
    const { startPfn: starts, endPfn: ends, offset: offsets } = this.#islands;
    let done = 0;
    let pfn = findBit(kept, startPfn, endPfn, true);
    while (pfn < endPfn) {
      const end = findBit(kept, pfn, endPfn, false);
      while ((ends[this.#island] as number) <= pfn) this.#island++;
      const offset = (offsets[this.#island] as number) + (pfn - (starts[this.#island] as number)) * pageSize;
      const length = (end - pfn) * pageSize;
      const written = this.#sink.write(data.subarray(done, done + length), this.#dataAt + offset);
      if (written !== undefined) await written;
      this.#done = offset + length;
      this.#pagesWritten += end - pfn;
      done += length;
      pfn = findBit(kept, end, endPfn, true);
    }
  }

  async reserve(): Promise<void> {
    // Headers and notes are written already, and no more is needed.
  }

  /** Segments end where the data do; what follows reads as zeros, like dropped pages. */
  async cutShort(): Promise<WrittenPart> {
    this.#pieces = this.#pieces.map((piece) => {
      const filesz = Math.max(0, Math.min(piece.filesz, this.#done - piece.offset));
      return { ...piece, filesz, offset: Math.min(piece.offset, this.#done) };
    });
    this.#facts = { ...this.#facts, incomplete: true };
    await this.#sink.write(this.#headers(), 0);
    return { size: this.#dataAt + this.#done, pages: this.#pagesWritten, zeroPages: 0 };
  }

  async end(): Promise<number> {
    return this.#dataAt + this.#islands.size;
  }

  #headers(): Uint8Array {
    const { ehdrSize, phdrSize, shdrSize, e, p, s, word } = this.#layout;
    const { machine } = this.#facts;
    const count = 1 + this.#pieces.length;
    const out = structWriter(this.#notesAt, this.#pages.littleEndian, word);
    out.bytes.set([0x7f, 0x45, 0x4c, 0x46, word / 4, this.#pages.littleEndian ? 1 : 2, 1], 0);
    out.u16(16, ET_CORE);
    out.u16(18, factsOf(machine.arch).elfMachine);
    out.u32(20, 1);
    out.word(e.phoff, ehdrSize);
    // makedumpfile's mark of a dump that lacks pages; crash warns.
    if (this.#facts.incomplete) out.u32(e.flags, 1);
    out.u16(e.ehsize, ehdrSize);
    out.u16(e.ehsize + 2, phdrSize);
    out.u16(e.ehsize + 4, Math.min(count, PN_XNUM));
    if (this.#extended) {
      const section = ehdrSize + count * phdrSize;
      out.word(e.shoff, section);
      out.u16(e.ehsize + 6, shdrSize);
      out.u16(e.ehsize + 8, 1);
      out.word(section + s.size, 1);
      out.u32(section + s.info, count);
    }
    const notes = this.#facts.noteArea.length;
    const header = (index: number, type: number, piece: ElfPiece) => {
      const at = ehdrSize + index * phdrSize;
      out.u32(at + p.type, type);
      out.u32(at + p.flags, piece.flags);
      out.word(at + p.offset, piece.offset);
      out.word(at + p.vaddr, piece.vaddr);
      out.word(at + p.paddr, piece.paddr);
      out.word(at + p.filesz, piece.filesz);
      out.word(at + p.memsz, piece.memsz);
      // p_align stays 0: crash takes the file for an old netdump otherwise.
    };
    const note = { offset: this.#notesAt, paddr: 0, vaddr: 0n, filesz: notes, memsz: notes, flags: 0 };
    header(0, PT_NOTE, note);
    this.#pieces.forEach((piece, i) => {
      // Not 0 for those without bytes: gdb finds the file's own header there, and reads its notes once more.
      header(i + 1, PT_LOAD, { ...piece, offset: this.#dataAt + piece.offset });
    });
    return out.bytes;
  }

  #checkClass(): void {
    if (this.#pages.elfClass === 64) return;
    const tooHigh = this.#pages.segments.some((segment) => segment.end > 2 ** 32);
    if (tooHigh || this.#extended) {
      throw new DumpError("UNSUPPORTED", "memory above 4 GiB, or too many pieces of it, for a 32-bit ELF file", {
        file: this.#sink.name,
        cure: "Write a kdump-compressed file: leave -E away",
      });
    }
  }
}

/**
 * Where page data begin: at no multiple of the page size, for then makedumpfile 1.7.2 reads zeros through its mmap
 * window in files with many PT_LOADs (seen with --dump-dmesg; not with --non-mmap).
 */
function dataStart(headersEnd: number, pageSize: number): number {
  const start = Math.ceil(headersEnd / 64) * 64;
  return start % pageSize === 0 ? start + 64 : start;
}
