import { DumpError } from "../../errors.js";
import { cutOffError, damagedFileError, damagedHeaderError } from "../damage.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { ELF32, ELF64, type ElfHeaderFields, ET_CORE, PN_XNUM } from "./layout.js";

/** The fields of an ELF header, checked. */
export interface ElfHeader {
  readonly layout: ElfHeaderFields;
  readonly elfClass: 32 | 64;
  /** Byte order of the headers and notes. */
  readonly littleEndian: boolean;
  /** e_machine. */
  readonly machine: number;
  /** e_flags; bit 0 is makedumpfile's mark of an incomplete dump. */
  readonly flags: number;
  /** File offset of the program headers. QEMU since 7.2 puts section headers before them. */
  readonly phoff: number;
  /** Number of program headers; for files with extended numbering the real one. */
  readonly phnum: number;
  /** Number of program headers that lie behind the end of the file. */
  readonly lostHeaders: number;
  /** Number of section headers; vmcores have none, or one. */
  readonly shnum: number;
}

/** 224 MiB of headers. The limit is needed because a gap in a flattened file reads as any number of zeros. */
const MAX_HEADERS = 2 ** 22;

/** Whether a file with this head is ELF. */
export function isElf(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/** Where e_type ends. */
export const ELF_TYPE_END = 18;

/** Whether a file with this head is a program, a library or a vmlinux (ET_EXEC, ET_DYN). */
export function isElfProgram(head: Uint8Array): boolean {
  if (!isElf(head) || head.length < ELF_TYPE_END) return false;
  const [low, high] = head[5] === 2 ? [head[17], head[16]] : [head[16], head[17]];
  return high === 0 && (low === 2 || low === 3);
}

/** Class and byte order of a file that begins like ELF. Throws `CORRUPT`, `TRUNCATED`. */
export function readElfIdent(source: ByteSource) {
  const ident = readExactly(source, 0, 16, "ELF header");
  const elfClass = ident[4] === 1 ? 32 : ident[4] === 2 ? 64 : undefined;
  const littleEndian = ident[5] === 1 ? true : ident[5] === 2 ? false : undefined;
  if (elfClass === undefined || littleEndian === undefined) {
    throw damagedFileError(
      "CORRUPT",
      source.name,
      `ELF class ${ident[4]} and data encoding ${ident[5]}; expected 1 or 2 for each`,
      4,
    );
  }
  return { elfClass, littleEndian, layout: elfClass === 64 ? ELF64 : ELF32 } as const;
}

/**
 * Reads the ELF header. Throws `NOT_A_DUMP` (not a core file), `CORRUPT`, `TRUNCATED`. With `salvage`, program headers
 * behind the end of the file are not counted.
 */
export function readElfHeader(source: ByteSource, salvage = false): ElfHeader {
  const { elfClass, littleEndian, layout } = readElfIdent(source);
  const header = fields(readExactly(source, 0, layout.ehdrSize, "ELF header"), littleEndian, source.name);
  const type = header.u16(16);
  if (type !== ET_CORE) {
    throw new DumpError("NOT_A_DUMP", `is an ELF file of type ${type}, not a core (4)`, {
      file: source.name,
      cure: "Name the dump itself: a vmlinux, a module or a program is not a dump",
    });
  }
  const word = (offset: number, what: string) =>
    layout.word === 8 ? header.u64Number(offset, what) : header.u32(offset);
  const tail = layout.e.ehsize;
  const phoff = word(layout.e.phoff, "e_phoff");
  const phentsize = header.u16(tail + 2);
  if (phentsize !== layout.phdrSize) {
    throw damagedFileError(
      "CORRUPT",
      source.name,
      `its program headers have ${phentsize} bytes each; in ELF${elfClass} they have ${layout.phdrSize}`,
      tail + 2,
    );
  }
  let phnum = header.u16(tail + 4);
  if (phnum === PN_XNUM) {
    const shoff = word(layout.e.shoff, "e_shoff");
    if (shoff === 0) {
      throw damagedHeaderError(
        "CORRUPT",
        source.name,
        "has 65,535 program headers or more, and no section header with their number",
        layout.e.shoff,
      );
    }
    const section = readExactly(
      source,
      shoff,
      layout.shdrSize,
      "section header 0 (it has the number of program headers)",
    );
    phnum = fields(section, littleEndian, source.name).u32(layout.s.info);
  }
  if (phnum > MAX_HEADERS) {
    throw damagedHeaderError("LIMIT", source.name, `${phnum} program headers; at most ${MAX_HEADERS} are read`);
  }
  const there = Math.floor(Math.max(0, source.size - phoff) / layout.phdrSize);
  const lostHeaders = Math.max(0, phnum - there);
  if (lostHeaders > 0 && salvage) phnum = there;
  else if (lostHeaders > 0) {
    throw cutOffError(source.name, `has ${phnum} program headers at ${phoff}, but ends at ${source.size}`);
  }
  return {
    layout,
    elfClass,
    littleEndian,
    machine: header.u16(18),
    flags: header.u32(layout.e.flags),
    phoff,
    phnum,
    lostHeaders,
    shnum: header.u16(tail + 8),
  };
}
