import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { cutOffError } from "../damage.js";
import { mostRead } from "../find-in-memory.js";
import type { ByteSource } from "../source/byte-source.js";

/** Bytes that are read at once: most of a stream is pages, which follow each other. */
const WINDOW = 1 << 20;

/**
 * Reads a file number by number, from a position on; big endian, like all of QEMU's streams. Throws `TRUNCATED` at the
 * end of the file.
 */
export class StreamReader {
  readonly #bytes = Buffer.allocUnsafe(WINDOW);
  /** File offset of the window, and the number of bytes in it. */
  #base: number;
  #length = 0;
  /** Position in the window. */
  #at = 0;
  /** Bytes that may still be searched. */
  #searchable: number;

  /** `held`: bytes that the input really has. */
  constructor(
    readonly source: ByteSource,
    position: number,
    readonly held = source.size,
  ) {
    this.#base = position;
    this.#searchable = mostRead(held);
  }

  /**
   * Whether all searches together may go on by so many bytes: the holes of a sparse file, and clusters of a disk image
   * that lie nowhere, can be petabytes.
   */
  maySearch(length: number): boolean {
    this.#searchable -= length;
    return this.#searchable >= 0;
  }

  /** Whether a search was ended by that limit. */
  get searchEnded(): boolean {
    return this.#searchable < 0;
  }

  /** File offset of the next byte. */
  get position(): number {
    return this.#base + this.#at;
  }

  set position(to: number) {
    const at = to - this.#base;
    if (at >= 0 && at <= this.#length) this.#at = at;
    else {
      this.#base = to;
      this.#length = 0;
      this.#at = 0;
    }
  }

  /** Bytes from here to the end of the file. */
  get left(): number {
    return this.source.size - this.position;
  }

  u8(): number {
    const at = this.#need(1);
    return this.#bytes[at] as number;
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#need(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#need(4));
  }

  /** 64 bits. Not exact above 2^53, but then larger than any limit. */
  u64(): number {
    const at = this.#need(8);
    return this.#bytes.readUInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4);
  }

  /** Bytes that stay valid until the next call. At most 64 KiB. */
  bytes(length: number): Buffer {
    const at = this.#need(length);
    return this.#bytes.subarray(at, at + length);
  }

  /**
   * The next bytes, as many as there are at hand: fewer than `least` only at the end of the file. They stay valid until
   * the next call. The position does not change.
   */
  ahead(least: number): Buffer {
    if (this.#length - this.#at < least) this.#fill(0);
    return this.#bytes.subarray(this.#at, this.#length);
  }

  /** A text after a byte with its length. */
  name(): string {
    return this.bytes(this.u8()).toString("latin1");
  }

  /** Skips bytes, which must exist. */
  skip(length: number): void {
    if (length > this.left) throw this.#ends(length);
    this.position += length;
  }

  /** The next byte, without moving on; `undefined` at the end. */
  peek(): number | undefined {
    if (this.left < 1) return undefined;
    const byte = this.u8();
    this.#at--;
    return byte;
  }

  /** The offset in the window of the next `length` bytes, which the caller reads. */
  #need(length: number): number {
    if (this.#at + length > this.#length) this.#fill(length);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #fill(length: number): void {
    const rest = this.#length - this.#at;
    this.#bytes.copyWithin(0, this.#at, this.#length);
    this.#base += this.#at;
    this.#at = 0;
    this.#length = rest;
    this.#length += this.source.read(this.#bytes.subarray(rest), this.#base + rest);
    if (this.#length < length) throw this.#ends(length);
  }

  #ends(length: number): DumpError {
    return cutOffError(
      this.source.name,
      `ends within the migration stream: ${length} bytes expected, ${Math.max(0, this.left)} are there`,
      this.position,
    );
  }
}

/** The error of a stream that contradicts its format. */
export function damagedStream(source: ByteSource, offset: number, what: string): DumpError {
  return new DumpError("CORRUPT", `is a QEMU migration stream with ${what}`, {
    file: source.name,
    offset,
    cure: `Make it again, or use ${OPTION.salvage} for what comes before`,
  });
}
