import { ET_CORE, PN_XNUM, PT_LOAD, PT_NOTE } from "../reader/elf/layout.js";
import { factsOf } from "../reader/machine.js";
import type { DumpFacts } from "./dump-facts.js";
import type { ElfLayout } from "./elf-layout.js";
import type { ElfPiece } from "./elf-pieces.js";
import { structWriter } from "./struct-writer.js";

/** Everything before the notes of an ELF core file: header, program headers, and the section header if there is one. */
export function elfHeaders(layout: ElfLayout, { machine, noteArea, incomplete }: DumpFacts): Uint8Array {
  const { littleEndian, pieces, notesAt, dataAt } = layout;
  const { ehdrSize, phdrSize, shdrSize, e, p, s, word } = layout.fields;
  const count = 1 + pieces.length;
  const out = structWriter(notesAt, littleEndian, word);
  out.bytes.set([0x7f, 0x45, 0x4c, 0x46, word / 4, littleEndian ? 1 : 2, 1], 0);
  out.u16(16, ET_CORE);
  out.u16(18, factsOf(machine.arch).elfMachine);
  out.u32(20, 1);
  out.word(e.phoff, ehdrSize);
  // makedumpfile's mark of a dump that lacks pages; crash warns about it.
  if (incomplete) out.u32(e.flags, 1);
  out.u16(e.ehsize, ehdrSize);
  out.u16(e.ehsize + 2, phdrSize);
  out.u16(e.ehsize + 4, Math.min(count, PN_XNUM));
  if (layout.isExtended) {
    const section = ehdrSize + count * phdrSize;
    out.word(e.shoff, section);
    out.u16(e.ehsize + 6, shdrSize);
    out.u16(e.ehsize + 8, 1);
    out.word(section + s.size, 1);
    out.u32(section + s.info, count);
  }
  const notes = noteArea.length;
  const header = (index: number, type: number, piece: ElfPiece) => {
    const at = ehdrSize + index * phdrSize;
    out.u32(at + p.type, type);
    out.u32(at + p.flags, piece.flags);
    out.word(at + p.offset, piece.offset);
    out.word(at + p.vaddr, piece.vaddr);
    out.word(at + p.paddr, piece.paddr);
    out.word(at + p.filesz, piece.filesz);
    out.word(at + p.memsz, piece.memsz);
    // p_align stays 0: otherwise crash takes the file for an old netdump.
  };
  header(0, PT_NOTE, { offset: notesAt, paddr: 0, vaddr: 0n, filesz: notes, memsz: notes, flags: 0 });
  pieces.forEach((piece, i) => {
    // Never 0, even without bytes: gdb would find the file's own header there, and read its notes a second time.
    header(i + 1, PT_LOAD, { ...piece, offset: dataAt + piece.offset });
  });
  return out.bytes;
}
