import { zlib } from "../../codec/node-zlib.js";
import { nodeZstd, zstdNapi } from "../../codec/zstd.js";
import { DumpError } from "../../errors.js";
import { damagedFileError } from "../damage.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { readElfIdent } from "./header.js";
import { ELF32, ELF64 } from "./layout.js";

/** A section of an ELF file, from its header. Sizes are in bytes. */
export interface ElfSection {
  readonly name: string;
  /** sh_type. */
  readonly type: number;
  /** sh_flags, the lower 32 bits. */
  readonly flags: number;
  /** Virtual address. */
  readonly addr: bigint;
  readonly offset: number;
  /** Bytes in the file; for SHT_NOBITS, bytes in memory. */
  readonly size: number;
  readonly link: number;
}

/** An ELF file with its sections: a program, a kernel, its separate debug file. */
export interface ElfFile {
  readonly source: ByteSource;
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  /** e_type: 2 EXEC, 3 DYN … */
  readonly type: number;
  /** e_machine. */
  readonly machine: number;
  readonly sections: readonly ElfSection[];
}

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
/** e_shstrndx of a file with more sections than 16 bits can count: sh_link of section header 0 has the number. */
const SHN_XINDEX = 0xffff;
/** Kernels have about 100. */
const MAX_SECTIONS = 1 << 20;
const MAX_NAMES = 1 << 26;
/**
 * The most bytes of a section that are held in memory: the largest debug information of distributions' kernels is below
 * 1 GiB.
 */
const MAX_SECTION = 2 ** 31;

/** Reads the section headers of a file that begins like ELF. Throws `CORRUPT`, `TRUNCATED`, `LIMIT`. */
export function readElfFile(source: ByteSource): ElfFile {
  const { elfClass, littleEndian, layout } = readElfIdent(source);
  const header = fields(readExactly(source, 0, layout.ehdrSize, "ELF header"), littleEndian, source.name);
  const shoff = layout.word === 8 ? header.u64Number(layout.e.shoff, "e_shoff") : header.u32(layout.e.shoff);
  const tail = layout.e.ehsize;
  const common = { source, elfClass, littleEndian, type: header.u16(16), machine: header.u16(18) } as const;
  if (shoff === 0) return { ...common, sections: [] };
  const shentsize = header.u16(tail + 6);
  if (shentsize !== layout.shdrSize) {
    throw damagedFileError(
      "CORRUPT",
      source.name,
      `its section headers have ${shentsize} bytes each; in ELF${elfClass} they have ${layout.shdrSize}`,
      tail + 6,
    );
  }
  const first = rawSection(source, common, shoff);
  const count = header.u16(tail + 8) || first.size;
  if (count > MAX_SECTIONS) {
    throw damagedFileError("LIMIT", source.name, `${count} sections; at most ${MAX_SECTIONS} are read`);
  }
  const table = readExactly(source, shoff, count * layout.shdrSize, "section headers");
  const raw = Array.from({ length: count }, (_, i) => section(table, i * layout.shdrSize, common));
  const named = header.u16(tail + 10);
  const names = sectionNames(source, raw[named === SHN_XINDEX ? first.link : named]);
  return {
    ...common,
    sections: raw.map(({ nameOffset, ...rest }) => ({ ...rest, name: cString(names, nameOffset) })),
  };
}

type ElfKind = Pick<ElfFile, "elfClass" | "littleEndian" | "source">;
type RawSection = Omit<ElfSection, "name"> & { readonly nameOffset: number };

function rawSection(source: ByteSource, kind: ElfKind, offset: number): RawSection {
  const size = (kind.elfClass === 64 ? ELF64 : ELF32).shdrSize;
  return section(readExactly(source, offset, size, "section headers"), 0, kind);
}

/** System V ABI, "Sections": the fields after sh_type are words of the class. */
function section(table: Uint8Array, at: number, { elfClass, littleEndian, source }: ElfKind): RawSection {
  const header = fields(table.subarray(at, at + 64), littleEndian, source.name);
  const common = { nameOffset: header.u32(0), type: header.u32(4) };
  if (elfClass === 32) {
    const [flags, addr, offset, size, link] = [8, 12, 16, 20, 24].map((field) => header.u32(field)) as number[];
    return {
      ...common,
      flags: flags ?? 0,
      addr: BigInt(addr ?? 0),
      offset: offset ?? 0,
      size: size ?? 0,
      link: link ?? 0,
    };
  }
  return {
    ...common,
    flags: Number(header.u64(8) & 0xffff_ffffn),
    addr: header.u64(16),
    offset: header.u64Number(24, "sh_offset"),
    size: header.u64Number(32, "sh_size"),
    link: header.u32(40),
  };
}

function sectionNames(source: ByteSource, one: RawSection | undefined): Uint8Array {
  if (one === undefined || one.size > MAX_NAMES) return new Uint8Array(0);
  return readExactly(source, one.offset, one.size, "section names");
}

/** The NUL-terminated text at `offset`; "" beyond the end. */
export function cString(bytes: Uint8Array, offset: number): string {
  if (offset >= bytes.length) return "";
  const end = bytes.indexOf(0, offset);
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, (end < 0 ? bytes.length : end) - offset).toString(
    "latin1",
  );
}

/**
 * The section of that name, or of its old compressed form (.zdebug_info for .debug_info). Empty sections do not count,
 * nor those without contents in this file (a program whose debug file is separate, or the other way round).
 */
export function findSection({ sections }: ElfFile, name: string): ElfSection | undefined {
  const old = name.replace(/^\.debug_/, ".zdebug_");
  const has = (one: ElfSection) => one.type !== SHT_NOBITS && one.size > 0;
  return sections.find((one) => one.name === name && has(one)) ?? sections.find((one) => one.name === old && has(one));
}

/** Whether the file has the section's bytes uncompressed, so that parts of it can be read. */
export function isPlain({ flags, name }: ElfSection): boolean {
  return (flags & SHF_COMPRESSED) === 0 && !name.startsWith(".zdebug_");
}

/**
 * The bytes of a section, decompressed if necessary (SHF_COMPRESSED with zlib or zstd, .zdebug_). All of it is held in
 * memory. Throws `TRUNCATED`, `CORRUPT`, `LIMIT` (2 GiB), `CODEC_MISSING`.
 */
export function sectionBytes(file: ElfFile, one: ElfSection): Uint8Array {
  if (one.size > MAX_SECTION) throw tooLarge(file, one, one.size);
  const bytes = readExactly(file.source, one.offset, one.size, `section ${one.name}`);
  if (isPlain(one)) return bytes;
  return decompressSection(bytes, { ...file, name: one.name, limit: MAX_SECTION });
}

function tooLarge({ source }: ElfFile, { name }: ElfSection, size: number): DumpError {
  return damagedFileError("LIMIT", source.name, `section ${name} has ${size} bytes; at most ${MAX_SECTION} are read`);
}

/** A compressed section, as far as decompressing it needs. */
interface CompressedSection {
  readonly source: ByteSource;
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  readonly name: string;
  /** Bytes that it may have at most when it is decompressed. */
  readonly limit: number;
}

const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;
/**
 * "ZLIB" and the size in 8 bytes, big endian: the beginning of .zdebug_ sections (binutils before 2.26). One byte of a
 * deflate stream makes at most 1032 bytes.
 */
const ZDEBUG_HEADER = 12;
/** Deflate makes a byte of at most 1032. */
const MAX_DEFLATE_RATIO = 1032;

/**
 * Decompresses a section: a header (that of the ELF ABI, Chdr: type, size, alignment; or that of .zdebug_ sections),
 * then the stream. Throws `CORRUPT`, `LIMIT`, and `CODEC_MISSING` if zstd is needed and this Node does not have it and
 * it is not installed.
 */
function decompressSection(bytes: Uint8Array, section: CompressedSection): Uint8Array {
  const { type, size, data } = section.name.startsWith(".zdebug_") ? zdebug(bytes, section) : chdr(bytes, section);
  if (size > section.limit) {
    throw damagedFileError(
      "LIMIT",
      section.source.name,
      `section ${section.name} has ${size} bytes; at most ${section.limit} are read`,
    );
  }
  if (type === ELFCOMPRESS_ZLIB) {
    if (size > data.length * MAX_DEFLATE_RATIO + 64)
      throw corrupt(section, "is not a zlib stream of the size it names");
    return checked(section, size, () => zlib().inflateSync(data, { maxOutputLength: Math.max(size, 1) }));
  }
  if (type === ELFCOMPRESS_ZSTD) return checked(section, size, () => unzstd(data, size, section));
  throw corrupt(section, `is compressed in way ${type}; it must be 1 (zlib) or 2 (zstd)`);
}

interface Stream {
  readonly type: number;
  readonly size: number;
  readonly data: Uint8Array;
}

function zdebug(bytes: Uint8Array, section: CompressedSection): Stream {
  if (bytes.length < ZDEBUG_HEADER || Buffer.from(bytes.subarray(0, 4)).toString("latin1") !== "ZLIB") {
    throw corrupt(section, 'does not begin with "ZLIB"');
  }
  const size = fields(bytes, false, section.source.name).u64Number(4, `size of ${section.name}`);
  return { type: ELFCOMPRESS_ZLIB, size, data: bytes.subarray(ZDEBUG_HEADER) };
}

function chdr(bytes: Uint8Array, section: CompressedSection): Stream {
  const length = section.elfClass === 64 ? 24 : 12;
  if (bytes.length < length) throw corrupt(section, "is too short for its header");
  const header = fields(bytes, section.littleEndian, section.source.name);
  const size = section.elfClass === 64 ? header.u64Number(8, `size of ${section.name}`) : header.u32(4);
  return { type: header.u32(0), size, data: bytes.subarray(length) };
}

function checked(section: CompressedSection, size: number, decompress: () => Uint8Array): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = decompress();
  } catch (error) {
    if (error instanceof DumpError) throw error;
    throw corrupt(section, "cannot be decompressed", error);
  }
  if (bytes.length !== size) throw corrupt(section, `gives ${bytes.length} bytes, but names ${size}`);
  return bytes;
}

function unzstd(data: Uint8Array, size: number, section: CompressedSection): Uint8Array {
  const { zstdDecompressSync } = nodeZstd();
  if (zstdDecompressSync !== undefined) return zstdDecompressSync(data, { maxOutputLength: Math.max(size, 1) });
  const napi = zstdNapi();
  if (napi === undefined) {
    throw new DumpError("CODEC_MISSING", `section ${section.name} is compressed with zstd, which is not installed`, {
      file: section.source.name,
      cure: "Run `npm install zstd-napi`, or use Node 22.15 or later, which contains zstd",
    });
  }
  const into = new Uint8Array(size);
  return into.subarray(0, new napi.DCtx().decompress(into, data));
}

function corrupt({ source, name }: CompressedSection, what: string, cause?: unknown): DumpError {
  return new DumpError("CORRUPT", `section ${name} ${what}`, {
    file: source.name,
    cure: "The file is damaged: copy it again from where it was made",
    cause,
  });
}
