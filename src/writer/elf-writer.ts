import type { PageBitmap } from "../reader/bitmap.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages, WrittenPart } from "./dump-writer.js";
import { elfHeaders } from "./elf-headers.js";
import { checkClass, type ElfLayout, elfRuns } from "./elf-layout.js";
import type { Sink } from "./sink.js";

/**
 * Writes ELF core files according to their layout. A dropped page has no bytes, or is a hole within an island: its
 * content is not in the file.
 */
export class ElfWriter implements DumpWriter {
  /** Where the data that were written end. */
  #reached: number;
  #pagesWritten = 0;

  /** Throws `UNSUPPORTED` if the file's class cannot describe the memory. */
  constructor(
    private readonly sink: Sink,
    private readonly layout: ElfLayout,
    private readonly facts: DumpFacts,
    /** Pages whose content is written to the file. */
    private readonly kept: PageBitmap,
  ) {
    checkClass(layout, sink.name);
    this.#reached = layout.dataAt;
  }

  async begin(): Promise<void> {
    // Except for the headers of a file that is cut short.
    this.sink.ascendingFrom?.(0);
    this.sink.atMost?.(this.layout.mostBytes);
    await this.sink.write(elfHeaders(this.layout, this.facts), 0);
    await this.sink.write(this.facts.noteArea, this.layout.notesAt);
  }

  async add({ startPfn, endPfn, data }: EncodedPages): Promise<void> {
    let done = 0;
    for (const run of elfRuns(this.layout, this.kept, startPfn, endPfn)) {
      const pages = run.endPfn - run.startPfn;
      const length = pages * this.layout.pageSize;
      const written = this.sink.write(data.subarray(done, done + length), run.offset);
      if (written !== undefined) await written;
      this.#reached = run.offset + length;
      this.#pagesWritten += pages;
      done += length;
    }
  }

  async reserve(): Promise<void> {
    // Headers and notes are written already; nothing else is needed.
  }

  /** Segments end where the data end; the rest reads as zeros, like dropped pages. */
  async cutShort(): Promise<WrittenPart> {
    const done = this.#reached - this.layout.dataAt;
    const pieces = this.layout.pieces.map((piece) => {
      const filesz = Math.max(0, Math.min(piece.filesz, done - piece.offset));
      return { ...piece, filesz, offset: Math.min(piece.offset, done) };
    });
    await this.sink.write(elfHeaders({ ...this.layout, pieces }, { ...this.facts, incomplete: true }), 0);
    return { size: this.#reached, pages: this.#pagesWritten, zeroPages: 0 };
  }

  async end(): Promise<number> {
    return this.layout.mostBytes;
  }
}
