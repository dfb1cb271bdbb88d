import type { DumpError } from "../../errors.js";
import { cutOffError } from "../damage.js";
import { type Fields, fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";

/*
 * Dumps of the firmware of Fujitsu's PRIMEQUEST and PRIMERGY (sadump), little endian: in one partition, or in several
 * that form a disk set. Blocks have 4096 bytes. Each partition begins with a partition header of one block. In the
 * first partition of a disk set a header of the set follows. Then come the dump's own header, a sub header, two bitmaps
 * and the pages.
 */

const SIGNATURE = Buffer.from("sadump\0\0", "latin1");
/**
 * Bytes of a block. The places of the headers depend on it, so a file with another block size would not be recognised.
 */
export const BLOCK = 4096;
/** Offset of the numbers that fill the partition header: each is computed from the previous one. */
const CHECK_AT = 168;
const GUID = 16;

/**
 * Whether a file with this head is a sadump dump: it begins with the header of a partition. The dump's own header is
 * similar.
 */
export function isSadump(head: Uint8Array): boolean {
  return SIGNATURE.equals(head.subarray(0, SIGNATURE.length));
}

/** One partition: of a dump on one disk, or of a disk set. */
export interface SadumpDisk {
  readonly image: SourceImage;
  /** Its number in the set, from 1; 0 if the dump is not a set. */
  readonly number: number;
  /** Identifiers that are the same on all disks of a dump. */
  readonly ids: string;
  /** Bytes that are used, including the headers. */
  readonly used: number;
}

/** The dump's own header. */
export interface SadumpHeader {
  /** One more than the highest pfn. */
  readonly maxMapnr: number;
  readonly cpus: number;
  /** Seconds since 1970; `undefined` if the firmware had no clock. */
  readonly timestamp: number | undefined;
  /** Number of blocks that were written. */
  readonly written: number;
  /** File offsets in the first disk. */
  readonly subHeader: number;
  readonly ramBitmap: number;
  readonly dumpableBitmap: number;
  readonly pages: number;
}

/** Reads the header of a partition. Throws `CORRUPT` if its check numbers are wrong, `TRUNCATED`. */
export function readDisk(image: SourceImage): SadumpDisk {
  const source = attachSource(image);
  const block = fields(readExactly(source, 0, BLOCK, "partition header"), true, source.name);
  for (let at = CHECK_AT; at + 8 <= BLOCK; at += 4) {
    if (block.u32(at + 4) === Math.imul(block.u32(at) + 7, 11) >>> 0) continue;
    throw damaged(source, at + 4, "has a partition header with wrong check numbers");
  }
  return {
    image,
    number: block.u32(152),
    ids: Buffer.from(block.bytes.subarray(88, 88 + 2 * GUID)).toString("hex"),
    used: block.u64Number(160, "the bytes used"),
  };
}

/** Reads the headers behind the first partition header. Throws `CORRUPT`, `TRUNCATED`, `LIMIT`. */
export function readDumpHeader(disk: SadumpDisk): SadumpHeader {
  const source = attachSource(disk.image);
  const start = BLOCK + (disk.number === 0 ? 0 : setHeaderBytes(source));
  const header = fields(readExactly(source, start, 128, "dump header"), true, source.name);
  if (!isSadump(header.bytes)) throw damaged(source, start, "has no dump header behind its partition header");
  const blockSize = header.u32(40);
  if (blockSize !== BLOCK) throw damaged(source, start + 40, `has blocks of ${blockSize} bytes, not of ${BLOCK}`);
  const wide = header.u32(8) !== 0;
  const number = (narrow: number, at: number, what: string) => (wide ? header.u64Number(at, what) : header.u32(narrow));
  const [sub, ram, dumpable] = [48, 52, 56].map((at) => header.u32(at) * BLOCK) as [number, number, number];
  const subHeader = start + BLOCK;
  return {
    maxMapnr: number(60, 88, "max_mapnr"),
    cpus: header.u32(80),
    timestamp: efiTime(header, 16),
    written: number(72, 112, "the blocks written"),
    subHeader,
    ramBitmap: subHeader + sub,
    dumpableBitmap: subHeader + sub + ram,
    pages: subHeader + sub + ram + dumpable,
  };
}

/** The header of a disk set: its first word says how many blocks it has. */
function setHeaderBytes(source: ByteSource): number {
  const header = fields(readExactly(source, BLOCK, 16, "disk set header"), true, source.name);
  return header.u32(0) * BLOCK;
}

/**
 * EFI_TIME: year, month, day, hour, minute, second; minutes that the clock is ahead of UTC, or 2047 if that is not
 * known.
 */
function efiTime(header: Fields, at: number): number | undefined {
  const [month, day, hour, minute, second] = header.bytes.subarray(at + 2, at + 7) as unknown as number[];
  const zone = (header.u16(at + 12) << 16) >> 16;
  const ms = Date.UTC(header.u16(at), (month ?? 1) - 1, day, hour, minute, second);
  if (header.u16(at) < 1990 || Number.isNaN(ms)) return undefined;
  return ms / 1000 - (zone === 2047 ? 0 : zone * 60);
}

export function damaged(source: ByteSource, offset: number, what: string): DumpError {
  return cutOffError(source.name, what, offset, "CORRUPT");
}
