import { zlib } from "../../codec/node-zlib.js";
import { nodeZstd, zstdNapi } from "../../codec/zstd.js";
import { DumpError } from "../../errors.js";
import { fields } from "../fields.js";
import type { ByteSource } from "../source/byte-source.js";

/** A compressed section, as far as decompressing it needs. */
export interface CompressedSection {
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
export function decompressSection(bytes: Uint8Array, section: CompressedSection): Uint8Array {
  const { type, size, data } = section.name.startsWith(".zdebug_") ? zdebug(bytes, section) : chdr(bytes, section);
  if (size > section.limit) {
    throw new DumpError("LIMIT", `section ${section.name} has ${size} bytes; at most ${section.limit} are read`, {
      file: section.source.name,
      cure: "The file is damaged: copy it again from where it was made",
    });
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
