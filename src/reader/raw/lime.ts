import { DumpError } from "../../errors.js";
import { cutOffError, damagedFileError } from "../damage.js";
import { type Extents, layer, type Piece, toExtents } from "../extents.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { damageOf } from "../tolerant-memory.js";
import { ChunkReader } from "./snappy-frames.js";

/**
 * LiME and AVML files: for each range of memory a header of 32 bytes (magic, version, first and last address, 8 bytes
 * reserved), then its bytes. LiME is version 1; version 2 is AVML's, whose ranges are streams in snappy's frame format,
 * each with its compressed length in 8 bytes behind it (github.com/microsoft/avml, MIT). Ranges follow each other.
 */
export type RangeFormat = "lime" | "avml";

/** Bytes before the memory of each range. */
export const RANGE_HEADER_SIZE = 32;
/** The magic number of LiME's headers, in the byte order of the machine, and LiME's only version. */
export const LIME_MAGIC = 0x4c69_4d45;
export const LIME_VERSION = 1;
const HEADER = RANGE_HEADER_SIZE;
/**
 * The format does not have the page size, so a file that is cut off is cut at a multiple of this. With larger pages it
 * ends a few small pages later.
 */
const SMALLEST_PAGE = 4096;
const MAGICS: Readonly<Record<string, { readonly format: RangeFormat; readonly littleEndian: boolean }>> = {
  EMiL: { format: "lime", littleEndian: true },
  // The kernel module writes the magic 0x4C694D45 in the machine's own byte order.
  LiME: { format: "lime", littleEndian: false },
  AVML: { format: "avml", littleEndian: true },
};
const VERSIONS: Readonly<Record<RangeFormat, number>> = { lime: LIME_VERSION, avml: 2 };
/** The most ranges: AVML makes one of each 16 MiB; more come from damaged headers. */
export const MAX_RANGES = 2 ** 22;
/** Chunks of a piece of the index: see snappy-memory.ts. */
const CHUNKS_PER_PIECE = 16;

/** The format of a file with this head; `undefined` if it is neither. */
export function rangeFormat(head: Uint8Array): RangeFormat | undefined {
  return MAGICS[magicOf(head)]?.format;
}

/** The content of all headers of a file, checked. */
export interface RangeFile {
  readonly format: RangeFormat;
  /** Byte order of the headers, which is that of the machine. */
  readonly littleEndian: boolean;
  /** Where each byte of memory is; see `RawImage.data`. */
  readonly data: Extents;
  /** With salvage: why reading stopped early. */
  readonly cut: DumpError | undefined;
}

/**
 * Reads the headers of all ranges; for AVML also the headers of all chunks. Throws `CORRUPT`, `TRUNCATED`, `LIMIT` and,
 * for versions that are not known, `UNSUPPORTED`. With `salvage`, reads up to where the file is cut off or damaged.
 */
export function readRanges(source: ByteSource, salvage = false): RangeFile {
  const first = MAGICS[magicOf(readExactly(source, 0, HEADER, "first header"))];
  if (first === undefined) throw new Error("called for a file that does not begin with a known magic");
  const { format, littleEndian } = first;
  const pieces: Piece[] = [];
  const chunks = new ChunkReader(source);
  let ranges = 0;
  let cut: DumpError | undefined;
  try {
    for (let position = 0; position < source.size; ranges++) {
      if (ranges === MAX_RANGES) {
        throw new DumpError("LIMIT", `more than ${MAX_RANGES} ranges`, {
          file: source.name,
          cure: "Its headers are damaged: copy the file again from where it was made",
        });
      }
      const { start, end } = readRangeHeader(source, position, format, littleEndian);
      const data = position + HEADER;
      position =
        format === "lime"
          ? plainRange(source, start, end, data, pieces)
          : packed(source, chunks, start, end, data, pieces);
    }
  } catch (error) {
    if (!salvage) throw error;
    cut = damageOf(error);
  }
  if (format === "lime") return { format, littleEndian, data: layer(pieces), cut };
  pieces.sort((a, b) => a.start - b.start);
  const overlap = pieces.find((piece, i) => i > 0 && piece.start < (pieces[i - 1] as Piece).end);
  if (overlap !== undefined) throw damaged(source, overlap.source, "ranges that overlap");
  return { format, littleEndian, data: toExtents(pieces), cut };
}

function magicOf(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 4)).toString("latin1");
}

function readRangeHeader(source: ByteSource, position: number, format: RangeFormat, littleEndian: boolean) {
  const bytes = readExactly(source, position, HEADER, "header of a range");
  const magic = MAGICS[magicOf(bytes)];
  if (magic?.format !== format || magic.littleEndian !== littleEndian) {
    const found = Buffer.from(bytes.subarray(0, 4)).toString("hex");
    throw damaged(source, position, `a range that begins with 0x${found} instead of the magic`);
  }
  const header = fields(bytes, littleEndian, source.name);
  const version = header.u32(4);
  if (version !== VERSIONS[format]) {
    const known = format === "lime" ? "LiME is version 1" : "AVML is version 2";
    throw new DumpError("UNSUPPORTED", `a range of version ${version}; ${known}`, {
      file: source.name,
      offset: position + 4,
      cure: "Convert it with the program that made it",
    });
  }
  const start = header.u64Number(8, "the first address of a range");
  // The last address is inclusive; a range without bytes ends before it starts.
  const end = header.u64Number(16, "the last address of a range") + 1;
  if (end < start) {
    throw damaged(source, position, `a range from 0x${start.toString(16)} to 0x${(end - 1).toString(16)}`);
  }
  return { start, end };
}

/** Reads a plain range. Returns the file offset behind the range. */
function plainRange(source: ByteSource, start: number, end: number, data: number, pieces: Piece[]): number {
  const there = source.size - data;
  if (end - start > there) {
    // Needed for salvage: the whole pages that exist.
    const last = start + there - ((start + there) % SMALLEST_PAGE);
    if (last > start) pieces.push({ start, end: last, source: data });
    throw cutOffError(source.name, `ends within a range: ${end - start} bytes expected, ${there} are there`, data);
  }
  pieces.push({ start, end, source: data });
  return data + (end - start);
}

/** The same for a range in snappy's frame format. */
function packed(
  source: ByteSource,
  chunks: ChunkReader,
  start: number,
  end: number,
  data: number,
  pieces: Piece[],
): number {
  let position = data;
  let address = start;
  let piece = { start, source: data };
  if (end > start && !chunks.startsStream(data)) throw damaged(source, data, "a range that is not a snappy stream");
  for (let count = 1; address < end; count++) {
    const chunk = chunkOrPiece(chunks, position, () => {
      if (address > piece.start) pieces.push({ start: piece.start, end: address, source: piece.source });
    });
    position = chunk.next;
    address += chunk.size;
    if (address > end) throw damaged(source, chunk.position, "more bytes in a range than its header says");
    if (count % CHUNKS_PER_PIECE === 0 || address === end) {
      if (address > piece.start) pieces.push({ start: piece.start, end: address, source: piece.source });
      piece = { start: address, source: position };
    }
  }
  const length = fields(readExactly(source, position, 8, "length of a range"), true, source.name).u64(0);
  if (length !== BigInt(position - data)) {
    throw damaged(source, position, `${length} as the length of a range that has ${position - data} bytes`);
  }
  return position + 8;
}

/** Reads a chunk. `atEnd` is called before the error of a chunk that is missing or incomplete. */
function chunkOrPiece(chunks: ChunkReader, position: number, atEnd: () => void) {
  try {
    const chunk = chunks.chunkAt(position);
    if (chunk.next <= chunks.size) return chunk;
  } catch (error) {
    atEnd();
    throw error;
  }
  atEnd();
  throw chunks.cutOff(position);
}

function damaged(source: ByteSource, offset: number, what: string): DumpError {
  return damagedFileError("CORRUPT", source.name, `has ${what}`, offset);
}
