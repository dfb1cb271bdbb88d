/** ELF core images of either class and byte order, from tidy to deliberately odd. */

import { ByteBuffer, type ByteOrder, type Integer, toU64 } from "./bytes.js";
import { encodeNotes, type Note } from "./notes.js";

/** e_machine values. */
export const ElfMachine = {
  i386: 3,
  ppc: 20,
  ppc64: 21,
  s390: 22,
  arm: 40,
  x86_64: 62,
  aarch64: 183,
  riscv: 243,
  loongarch: 258,
} as const;

/** p_paddr or p_offset meaning "none". */
export const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Bytes that are not there in one piece: copied once, into the file, as a kernel's memory has tens of megabytes. */
export interface BytesElsewhere {
  readonly length: number;
  /** Writes them over bytes that are zero. */
  copyTo(target: Uint8Array): void;
}

/** One PT_LOAD (or, with `type`, any other segment). */
export interface ElfLoad {
  readonly paddr: Integer;
  readonly vaddr?: Integer;
  /** Bytes put into the file; none at all if undefined. */
  readonly data?: Uint8Array | BytesElsewhere | undefined;
  /** Default: the size of `data`. May claim more than the file holds. */
  readonly filesz?: Integer;
  /** Default: `filesz`. */
  readonly memsz?: Integer;
  /** Default: the next free place. `data` is written here only if this is a position below 2^31. */
  readonly offset?: Integer;
  readonly flags?: number;
  readonly align?: Integer;
  readonly type?: number;
}

export interface ElfOptions {
  readonly class?: 32 | 64;
  readonly byteOrder?: ByteOrder;
  readonly machine?: number;
  /** e_type; default 4, ET_CORE. */
  readonly type?: number;
  readonly flags?: number;
  /** Where the program headers are; default right behind the ELF header. */
  readonly phoff?: number;
  /** As QEMU 7.2 and newer: two section headers directly behind the ELF header, program headers behind these. */
  readonly sectionHeaderFirst?: boolean;
  /** e_phnum 0xffff, the count in sh_info of section 0. Default: when there are 0xffff program headers or more. */
  readonly extendedNumbering?: boolean;
  readonly loads?: readonly ElfLoad[];
  /** One PT_NOTE; none if undefined, an empty one for `[]`. */
  readonly notes?: readonly Note[];
  /** Bytes of the PT_NOTE instead of `notes`. */
  readonly rawNotes?: Uint8Array;
  /** Put the PT_NOTE behind the PT_LOADs in the table; default first. */
  readonly noteLast?: boolean;
  /** Unit to which the automatic p_offset of each load is rounded up; default 1. */
  readonly alignData?: number;
  /** Values that replace those in the ELF header. */
  readonly header?: {
    readonly magic?: number;
    readonly fileClass?: number;
    readonly dataEncoding?: number;
    readonly version?: number;
    readonly ehsize?: number;
    readonly phentsize?: number;
    readonly phnum?: number;
    readonly shoff?: Integer;
    readonly shentsize?: number;
    readonly shnum?: number;
  };
  /** Cuts the finished file to that many bytes. */
  readonly truncateTo?: number;
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: Integer;
  readonly vaddr: Integer;
  readonly paddr: Integer;
  readonly filesz: Integer;
  readonly memsz: Integer;
  readonly align: Integer;
}

interface Layout {
  readonly word: 4 | 8;
  readonly headerSize: number;
  readonly programHeaderSize: number;
  readonly sectionHeaderSize: number;
}

const LAYOUTS: Readonly<Record<32 | 64, Layout>> = {
  32: { word: 4, headerSize: 52, programHeaderSize: 32, sectionHeaderSize: 40 },
  64: { word: 8, headerSize: 64, programHeaderSize: 56, sectionHeaderSize: 64 },
};

const PT_LOAD = 1;
const PT_NOTE = 4;
const PN_XNUM = 0xffff;

/** Builds the file. */
export function buildElf(options: ElfOptions): Uint8Array {
  const elfClass = options.class ?? 64;
  const layout = LAYOUTS[elfClass];
  const byteOrder = options.byteOrder ?? "little";
  const loads = options.loads ?? [];
  const noteBytes =
    options.rawNotes ?? (options.notes === undefined ? undefined : encodeNotes(options.notes, byteOrder));

  const count = loads.length + (noteBytes === undefined ? 0 : 1);
  const extended = options.extendedNumbering ?? count >= PN_XNUM;
  const sectionsFirst = options.sectionHeaderFirst ?? false;
  const sectionCount = sectionsFirst ? 2 : extended ? 1 : 0;
  const phoff = options.phoff ?? layout.headerSize + (sectionsFirst ? sectionCount * layout.sectionHeaderSize : 0);
  const tableEnd = phoff + count * layout.programHeaderSize;
  const shoff = sectionCount === 0 ? 0 : sectionsFirst ? layout.headerSize : tableEnd;

  const dataSize = loads.reduce((sum, load) => sum + (load.data?.length ?? 0) + (options.alignData ?? 1), 0);
  const out = new ByteBuffer(byteOrder, tableEnd + dataSize + (noteBytes?.length ?? 0) + 4096);
  let next = Math.max(tableEnd, shoff + sectionCount * layout.sectionHeaderSize);
  const place = (data: Uint8Array | BytesElsewhere, at: number): void => {
    out.seek(at);
    if (data instanceof Uint8Array) out.bytes(data);
    else data.copyTo(out.room(data.length));
    next = Math.max(next, at + data.length);
  };

  const segments: Segment[] = [];
  const noteSegment = (): void => {
    if (noteBytes !== undefined) {
      const size = noteBytes.length;
      segments.push({ type: PT_NOTE, flags: 0, offset: next, vaddr: 0, paddr: 0, filesz: size, memsz: size, align: 0 });
      place(noteBytes, next);
    }
  };
  if (!options.noteLast) {
    noteSegment();
  }
  for (const load of loads) {
    const unit = options.alignData ?? 1;
    const offset = load.offset ?? Math.ceil(next / unit) * unit;
    const filesz = load.filesz ?? load.data?.length ?? 0;
    segments.push({
      type: load.type ?? PT_LOAD,
      flags: load.flags ?? 0,
      offset,
      vaddr: load.vaddr ?? 0,
      paddr: load.paddr,
      filesz,
      memsz: load.memsz ?? filesz,
      align: load.align ?? 0,
    });
    if (load.data !== undefined && toU64(offset) < 0x8000_0000n) {
      place(load.data, Number(offset));
    }
  }
  if (options.noteLast) {
    noteSegment();
  }

  let stringTable: { readonly offset: number; readonly size: number } | undefined;
  if (sectionsFirst) {
    const text = "\0.shstrtab\0";
    stringTable = { offset: next, size: text.length };
    out.seek(next).text(text);
  }
  writeHeader(out, options, layout, { elfClass, phoff, shoff, count, extended, sectionCount });
  out.seek(phoff);
  for (const segment of segments) {
    writeProgramHeader(out, layout.word, segment);
  }
  if (sectionCount > 0) {
    out.seek(shoff);
    writeSectionHeader(out, layout.word, { name: 0, type: 0, offset: 0, size: 1, info: extended ? count : 0 });
    if (stringTable !== undefined) {
      writeSectionHeader(out, layout.word, { name: 1, type: 3, ...stringTable, info: 0 });
    }
  }
  const bytes = out.end();
  return options.truncateTo === undefined ? bytes : bytes.slice(0, options.truncateTo);
}

interface HeaderFacts {
  readonly elfClass: 32 | 64;
  readonly phoff: number;
  readonly shoff: number;
  readonly count: number;
  readonly extended: boolean;
  readonly sectionCount: number;
}

function writeHeader(out: ByteBuffer, options: ElfOptions, layout: Layout, facts: HeaderFacts): void {
  const given = options.header ?? {};
  const magic = given.magic ?? 0x7f45_4c46;
  out.seek(0);
  for (const shift of [24, 16, 8, 0]) {
    out.u8((magic >>> shift) & 0xff);
  }
  out.u8(given.fileClass ?? (facts.elfClass === 32 ? 1 : 2));
  out.u8(given.dataEncoding ?? (out.byteOrder === "little" ? 1 : 2)).u8(1);
  out.seek(16);
  out.u16(options.type ?? 4).u16(options.machine ?? ElfMachine.x86_64);
  out.u32(given.version ?? 1);
  out.word(layout.word, 0);
  out.word(layout.word, facts.phoff);
  out.word(layout.word, given.shoff ?? facts.shoff);
  out.u32(options.flags ?? 0);
  out.u16(given.ehsize ?? layout.headerSize);
  out.u16(given.phentsize ?? layout.programHeaderSize);
  out.u16(given.phnum ?? (facts.extended ? PN_XNUM : facts.count));
  out.u16(given.shentsize ?? (facts.sectionCount > 0 ? layout.sectionHeaderSize : 0));
  out.u16(given.shnum ?? facts.sectionCount);
  out.u16(facts.sectionCount > 1 ? 1 : 0);
}

function writeProgramHeader(out: ByteBuffer, word: 4 | 8, segment: Segment): void {
  out.u32(segment.type);
  if (word === 8) {
    out.u32(segment.flags);
  }
  out.word(word, segment.offset).word(word, segment.vaddr).word(word, segment.paddr);
  out.word(word, segment.filesz).word(word, segment.memsz);
  if (word === 4) {
    out.u32(segment.flags);
  }
  out.word(word, segment.align);
}

interface Section {
  readonly name: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly info: number;
}

function writeSectionHeader(out: ByteBuffer, word: 4 | 8, section: Section): void {
  out.u32(section.name).u32(section.type);
  out.word(word, 0).word(word, 0);
  out.word(word, section.offset).word(word, section.size);
  out.u32(0).u32(section.info);
  out.word(word, 0).word(word, 0);
}
