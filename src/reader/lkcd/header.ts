import { DumpError } from "../../errors.js";
import { damagedHeaderError } from "../damage.js";
import { type Fields, fields } from "../fields.js";
import { archOfUts, type Machine } from "../machine.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { readUtsname, UTS_FIELD_SIZE } from "../utsname.js";

/*
 * Dumps of LKCD (kernels 2.4 and early 2.6), in the byte order of the machine: a header, and from 64 KiB on (or where
 * the header says) a record for each page, in any order.
 */

/** The magic number of a dump, and that of a dump of a machine that goes on running. */
const MAGICS = [0xa819_0173_618f_23edn, 0xa819_0173_618f_23cdn];
const HEADER = 742;
/** There is no description of a version 4. */
const VERSIONS: ReadonlySet<number> = new Set([1, 2, 3, 5, 6, 7, 8, 9, 10]);
/** Bits that some writers set in the version. */
const VERSION_FLAGS = 0xc000_0000;
const USUAL_DATA = 65536;

/** Offsets of fields that are not at the same place in all versions. */
interface Places {
  /** Seconds since 1970. */
  readonly time: number;
  /** Bytes of that, and of other longs. */
  readonly word: 4 | 8;
  readonly utsname: number;
  /** How pages are packed; versions before 5 do not say it. */
  readonly packing: number | undefined;
}

/** Since version 8 all machines have the same header. */
const SINCE_8: Places = { time: 308, word: 8, utsname: 324, packing: 722 };
/** Up to version 7 it is one of C's structs, as each machine aligns it. */
const BEFORE: readonly Places[] = [
  { time: 308, word: 4, utsname: 316, packing: 712 },
  { time: 312, word: 8, utsname: 328, packing: 728 },
];
/** Version 1 has two registers of i386 before the number of pages. */
const REGISTERS = 8;

function placesOf(header: Fields, version: number): Places | undefined {
  if (version >= 8) return SINCE_8;
  const shift = version === 1 ? REGISTERS : 0;
  const candidates = BEFORE.map(({ time, word, utsname, packing }) => {
    return { time: time + shift, word, utsname: utsname + shift, packing: version < 5 ? undefined : packing };
  });
  return candidates.find(({ utsname }) => header.text(utsname, UTS_FIELD_SIZE) === "Linux");
}

/** How pages are packed. */
export type LkcdPacking = "none" | "rle" | "gzip";
const PACKINGS: readonly LkcdPacking[] = ["none", "rle", "gzip"];

/** The fields of a dump's header. */
export interface LkcdHeader {
  readonly version: number;
  readonly littleEndian: boolean;
  readonly machine: Machine;
  /** Bytes of a page of the file. */
  readonly unit: number;
  readonly packing: LkcdPacking;
  /** File offset of the first record. */
  readonly data: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

function byteOrder(head: Uint8Array): boolean | undefined {
  if (head.length < 8) return undefined;
  return [true, false].find((littleEndian) => MAGICS.includes(fields(head, littleEndian, "").u64(0)));
}

/** Whether a file with this head is an LKCD dump. */
export function isLkcd(head: Uint8Array): boolean {
  return byteOrder(head) !== undefined;
}

/** Reads the header. Throws `UNSUPPORTED` for another version or machine, `CORRUPT`, `TRUNCATED`. */
export function readLkcdHeader(source: ByteSource): LkcdHeader {
  const bytes = readExactly(source, 0, HEADER, "header");
  const littleEndian = byteOrder(bytes) as boolean;
  const header = fields(bytes, littleEndian, source.name);
  const version = (header.u32(8) & ~VERSION_FLAGS) >>> 0;
  if (!VERSIONS.has(version)) {
    throw unsupported(source, `an LKCD dump of version ${version}; versions 1 to 3 and 5 to 10 are read`);
  }
  const places = placesOf(header, version);
  if (places === undefined) {
    const what = `is an LKCD dump of version ${version} without the kernel's name where 32-bit or 64-bit machines have it`;
    throw damagedHeaderError("CORRUPT", source.name, what);
  }
  const { machine: name } = readUtsname(header, places.utsname);
  const facts = archOfUts(name);
  if (facts === undefined) throw unsupported(source, `an LKCD dump of the machine ${JSON.stringify(name)}`);
  const unit = header.u32(20);
  const way = places.packing === undefined ? PACKINGS.indexOf("rle") : header.u32(places.packing);
  const packing = PACKINGS[way];
  if (unit < 4096 || unit > 65536 || (unit & (unit - 1)) !== 0 || packing === undefined) {
    const what = `has a header with pages of ${unit} bytes, packed in way ${way}`;
    throw damagedHeaderError("CORRUPT", source.name, what, 20);
  }
  return {
    version,
    littleEndian,
    machine: { arch: facts.arch, wordSize: facts.wordSize, littleEndian },
    unit,
    packing,
    data: dataOf(header, version),
    timestamp: secondsOf(header, places),
  };
}

function dataOf(header: Fields, version: number): number {
  const stated = version >= 9 ? header.u64Number(734, "where pages begin") : 0;
  return stated === 0 ? USUAL_DATA : stated;
}

function secondsOf(header: Fields, { time, word }: Places): number {
  const seconds = word === 8 ? header.u64(time) : BigInt(header.u32(time));
  return seconds > 2n ** 40n ? 0 : Number(seconds);
}

function unsupported(source: ByteSource, what: string): DumpError {
  return new DumpError("UNSUPPORTED", `is ${what}`, { file: source.name, cure: "crash of that time opens it" });
}
