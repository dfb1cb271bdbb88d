/** The packing of a whole output, in the format of the tool of this name. */
export type Packing = "zstd" | "lz4" | "gzip";

/** The packing of an input. zlib: LiME with `compress=1`; age: encrypted for recipients. */
export type InputPacking = Packing | "xz" | "bzip2" | "zlib" | "age";

/** Little endian in both formats. */
export const ZSTD_MAGIC = 0xfd2fb528;
export const LZ4_MAGIC = 0x184d2204;
/** The last four bits are free: frames that zstd and LZ4 readers skip (RFC 8878, 3.1.2). */
export const SKIPPABLE_MAGIC = 0x184d2a50;
/** Bytes that are enough to recognise the packing. */
export const MAGIC_SIZE = 10;

/** The first bytes of age's header, "age-encryption.org/v1" (C2SP's age specification). */
const AGE_MAGIC = [...Buffer.from("age-encryp")];

const starts = (head: Uint8Array, bytes: readonly number[]) => bytes.every((byte, i) => head[i] === byte);

/**
 * The packing of a file with these first bytes. "skippable": zstd or lz4; only the bytes after the skippable frame show
 * which.
 */
export function packingOf(head: Uint8Array): InputPacking | "skippable" | undefined {
  // The method is always deflate.
  if (starts(head, [0x1f, 0x8b, 8])) return "gzip";
  if (starts(head, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])) return "xz";
  // "BZh", 1 to 9, and the number that begins a block, or the end of an empty stream.
  if (starts(head, [0x42, 0x5a, 0x68]) && isBzip2(head)) return "bzip2";
  if (starts(head, AGE_MAGIC)) return "age";
  if (isZlib(head)) return "zlib";
  if (head.length < 4) return undefined;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  if (magic === ZSTD_MAGIC) return "zstd";
  if (magic === LZ4_MAGIC) return "lz4";
  return (magic & ~15) === SKIPPABLE_MAGIC ? "skippable" : undefined;
}

function isBzip2(head: Uint8Array): boolean {
  const [level = 0, ...rest] = head.subarray(3, 10);
  const number = [
    [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
    [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
  ];
  return level >= 0x31 && level <= 0x39 && number.some((bytes) => bytes.every((byte, i) => rest[i] === byte));
}

/**
 * Two bytes with a check of 5 bits are not enough to be sure. So a block of deflate must follow that begins like a long
 * stream, with codes of its own, and the window must be LiME's (11 bits: 0x38) or zlib's usual one (0x78).
 */
function isZlib(head: Uint8Array): boolean {
  const [first = 0, second = 0, third = 0] = head;
  if (head.length < 3 || (first !== 0x38 && first !== 0x78)) return false;
  return (first * 256 + second) % 31 === 0 && (second & 0x20) === 0 && ((third >> 1) & 3) !== 3;
}
