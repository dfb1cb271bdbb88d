import { DumpError } from "../../errors.js";
import { cutOffError } from "../damage.js";
import { type Fields, fields } from "../fields.js";
import { readExactly } from "../source/byte-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";

/*
 * The header of stand-alone dumps of s390: 4096 bytes, big endian (s390-tools, which is MIT: include/dump/s390_dump.h).
 * If a dump has several volumes, each has the header.
 */

const MAGIC = Buffer.from("a8190173618f23fd", "hex");
const EXTENDED_MAGIC = Buffer.from("a8190173618f23fe", "hex");
export const HEADER = 4096;
const SMALL_ARCH = 1;

/** Whether a file with this head is an s390 stand-alone dump. */
export function isS390Dump(head: Uint8Array): boolean {
  const magic = head.subarray(0, MAGIC.length);
  return MAGIC.equals(magic) || EXTENDED_MAGIC.equals(magic);
}

/** One file of a dump, and the fields of its header. */
export interface Volume {
  readonly image: SourceImage;
  readonly fields: Fields;
  /** Whether it has segments of memory that is not zeros, instead of all memory. */
  readonly extended: boolean;
  /** Number of the volume, from 0; `undefined` if the dump is one file. */
  readonly number: number | undefined;
  readonly start: number;
  readonly size: number;
  /** The machine's clock when the dump began. */
  readonly clock: bigint;
}

/**
 * Reads the header of a file. Throws `UNSUPPORTED` for a 31-bit dump and for packed segments, `CORRUPT`, `TRUNCATED`.
 */
export function readVolume(image: SourceImage): Volume {
  const source = attachSource(image);
  const header = fields(readExactly(source, 0, HEADER, "header"), false, source.name);
  const extended = EXTENDED_MAGIC.equals(header.bytes.subarray(0, MAGIC.length));
  if (header.u32(0x48) === SMALL_ARCH) {
    throw new DumpError("UNSUPPORTED", "is a stand-alone dump of a machine of 31 bits", {
      file: source.name,
      cure: "crash of that time opens it",
    });
  }
  if (extended && header.bytes[0x61] !== 0) {
    throw new DumpError("UNSUPPORTED", "is a stand-alone dump whose segments are packed (zlib)", {
      file: source.name,
      cure: "Convert it with `zgetdump -f elf FILE > vmcore` (s390-tools)",
    });
  }
  const start = header.u64Number(0x20, "the start of memory");
  const size = header.u64Number(0x18, "the size of memory");
  if (header.u32(0x0c) !== HEADER || size === 0 || !Number.isSafeInteger(start + size + HEADER)) {
    throw cutOffError(
      source.name,
      `has a header of ${header.u32(0x0c)} bytes and ${size} bytes of memory`,
      12,
      "CORRUPT",
    );
  }
  const number = header.bytes[0x5c] === 0 ? undefined : header.u32(0x4c);
  return { image, fields: header, extended, number, start, size, clock: header.u64(0x38) };
}
