import { decodePage } from "../../codec/decode.js";
import { COMPRESSED_SNAPPY } from "../../codec/flags.js";
import type { DumpError } from "../../errors.js";
import { cutOffError, damagedFileError } from "../damage.js";
import type { ByteSource } from "../source/byte-source.js";

/**
 * A chunk of a stream in snappy's frame format (google/snappy framing_format.txt): a byte of type, three bytes of
 * length, then the data. In the two kinds that hold memory the data start with a checksum of 32 bits.
 */
interface Chunk {
  /** File offset of the chunk. */
  readonly position: number;
  /** File offset of the next one. */
  readonly next: number;
  readonly type: number;
  /** Bytes that it decodes to; 0 for chunks without data. */
  readonly size: number;
}

/** Bytes of checksum before a chunk's data. */
const CHECKSUM = 4;
/** The format's own limit of what a chunk decodes to. */
export const MAX_CHUNK = 65536;
/** Snappy turns 65,536 bytes into at most 76,490; a longer chunk of data is damaged. */
const MAX_PACKED = 76_490 + CHECKSUM;
const HEADER = 4;
const COMPRESSED = 0x00;
const PLAIN = 0x01;
const STREAM_IDENTIFIER = 0xff;
/** Chunks with this type or above may be skipped by readers that do not know them; lower ones may not. */
const FIRST_SKIPPABLE = 0x80;
const SIGNATURE = "sNaPpY";
/** Bytes that are read at once: the largest chunk with its header, and some small ones. */
const WINDOW = 128 * 1024;

/** Reads chunks of a stream, mostly one after the other. */
export class ChunkReader {
  readonly #window = new Uint8Array(WINDOW);
  #start = 0;
  #length = 0;

  constructor(private readonly source: ByteSource) {}

  /** Bytes of the file. */
  get size(): number {
    return this.source.size;
  }

  /** The error of a file that ends within a chunk. */
  cutOff(position: number): DumpError {
    return cutOffError(this.source.name, "ends within its snappy data", position);
  }

  /** The chunk at a file offset. Throws `TRUNCATED` and `CORRUPT`. */
  chunkAt(position: number): Chunk {
    const header = this.#bytes(position, HEADER);
    const type = header[0] as number;
    const length = (header[1] as number) | ((header[2] as number) << 8) | ((header[3] as number) << 16);
    const next = position + HEADER + length;
    if (type === COMPRESSED || type === PLAIN) {
      if (length < CHECKSUM || length > MAX_PACKED) this.#fail(position, `a snappy chunk of ${length} bytes`);
      const size = type === PLAIN ? length - CHECKSUM : this.#decodedSize(position, length - CHECKSUM);
      if (size > MAX_CHUNK) this.#fail(position, `a snappy chunk of ${size} bytes unpacked`);
      return { position, next, type, size };
    }
    if (type === STREAM_IDENTIFIER) {
      const text = length === 6 ? Buffer.from(this.#bytes(position + HEADER, 6)).toString("latin1") : "";
      if (text !== SIGNATURE) this.#fail(position, "a snappy stream that does not begin with its signature");
    } else if (type < FIRST_SKIPPABLE) {
      this.#fail(position, `a snappy chunk of type 0x${type.toString(16)}`);
    }
    return { position, next, type, size: 0 };
  }

  /** Whether a snappy stream begins at a file offset. */
  startsStream(position: number): boolean {
    return this.#bytes(position, 1)[0] === STREAM_IDENTIFIER;
  }

  /**
   * Decodes a chunk's data into `into`, which must have the chunk's size, and checks them. Throws `TRUNCATED` and
   * `CORRUPT`.
   */
  decode({ position, next, type }: Chunk, into: Uint8Array): void {
    const data = this.#bytes(position + HEADER, next - position - HEADER);
    const stored = data.subarray(CHECKSUM);
    if (type === PLAIN) into.set(stored);
    else if (decodePage(COMPRESSED_SNAPPY, stored, into, this.source.name) !== into.length) {
      this.#fail(position, "a chunk that is not snappy data");
    }
    const expected = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    if (maskedCrc32c(into) !== expected) this.#fail(position, "a snappy chunk whose checksum is wrong");
  }

  /** A varint of at most 3 bytes: lengths are below 2^17. */
  #decodedSize(position: number, length: number): number {
    const bytes = this.#bytes(position + HEADER + CHECKSUM, Math.min(length, 3));
    let size = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      size |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return size;
    }
    return this.#fail(position, "a snappy chunk whose length is damaged");
  }

  #bytes(position: number, length: number): Uint8Array {
    if (position < this.#start || position + length > this.#start + this.#length) {
      // Until the read succeeds: it may have overwritten a part before it failed.
      this.#length = 0;
      this.#length = this.source.read(this.#window, position);
      this.#start = position;
    }
    if (length > this.#length - (position - this.#start)) {
      throw this.cutOff(position);
    }
    return this.#window.subarray(position - this.#start, position - this.#start + length);
  }

  #fail(position: number, what: string): never {
    throw damagedFileError("CORRUPT", this.source.name, `has ${what}`, position);
  }
}

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4), eight bytes at a time: 0.6 ns per byte. */

const POLYNOMIAL = 0x82f6_3b78;

/** Table k, entry b: how byte b changes the checksum of the k zero bytes behind it. */
const TABLES: Int32Array = (() => {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number;
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
})();

/** The checksum, as unsigned 32 bits. */
export function crc32c(bytes: Uint8Array): number {
  const entry = (table: number, byte: number) => TABLES[(table << 8) | (byte & 0xff)] as number;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % 8);
  let crc = -1;
  for (let i = 0; i < whole; i += 8) {
    const low = crc ^ view.getInt32(i, true);
    const high = view.getInt32(i + 4, true);
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24);
  }
  for (let i = whole; i < bytes.length; i++) crc = (crc >>> 8) ^ entry(0, crc ^ (bytes[i] as number));
  return ~crc >>> 0;
}

/**
 * The checksum in the form of snappy's frame format: rotated by 15 bits, plus a constant (google/snappy
 * framing_format.txt).
 */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}
