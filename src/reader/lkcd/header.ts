import { DumpError } from "../../errors.js";
import { CUT_OFF_CURE } from "../damage.js";
import { type Fields, fields } from "../fields.js";
import { archOfUts, type Machine } from "../machine.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";

/*
 * Dumps of LKCD (kernels 2.4 and early 2.6), in the byte order of the machine: a header, and from 64 KiB on (or where
 * the header says) a record for each page, in any order.
 */

/** The magic number of a dump, and that of a dump of a machine that goes on running. */
const MAGICS = [0xa819_0173_618f_23edn, 0xa819_0173_618f_23cdn];
const HEADER = 742;
/** Earlier versions have other headers on each machine. */
const FIRST_VERSION = 8;
const LAST_VERSION = 10;
/** Bits that some writers set in the version. */
const VERSION_FLAGS = 0xc000_0000;
const MACHINE = 324 + 4 * 65;
const USUAL_DATA = 65536;

/** How pages are packed. */
export type LkcdPacking = "none" | "rle" | "gzip";
const PACKINGS: readonly LkcdPacking[] = ["none", "rle", "gzip"];

/** The fields of a dump's header. */
export interface LkcdHeader {
  readonly version: number;
  readonly littleEndian: boolean;
  readonly machine: Machine;
  readonly pageSize: number;
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
  if (version < FIRST_VERSION || version > LAST_VERSION)
    throw unsupported(
      source,
      `an LKCD dump of version ${version}; versions ${FIRST_VERSION} to ${LAST_VERSION} are read`,
    );
  const name = header.text(MACHINE, 65);
  const facts = archOfUts(name);
  if (facts === undefined) throw unsupported(source, `an LKCD dump of the machine ${JSON.stringify(name)}`);
  const pageSize = header.u32(20);
  const packing = PACKINGS[header.u32(722)];
  if (pageSize < 4096 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0 || packing === undefined) {
    const what = `has a header with pages of ${pageSize} bytes, packed in way ${header.u32(722)}`;
    throw new DumpError("CORRUPT", what, { file: source.name, offset: 20, cure: CUT_OFF_CURE });
  }
  return {
    version,
    littleEndian,
    machine: { arch: facts.arch, wordSize: facts.wordSize, littleEndian },
    pageSize,
    packing,
    data: dataOf(header, version),
    timestamp: secondsOf(header),
  };
}

function dataOf(header: Fields, version: number): number {
  const stated = version >= 9 ? header.u64Number(734, "where pages begin") : 0;
  return stated === 0 ? USUAL_DATA : stated;
}

function secondsOf(header: Fields): number {
  const seconds = header.u64(308);
  return seconds > 2n ** 40n ? 0 : Number(seconds);
}

function unsupported(source: ByteSource, what: string): DumpError {
  return new DumpError("UNSUPPORTED", `is ${what}`, { file: source.name, cure: "crash of that time opens it" });
}
