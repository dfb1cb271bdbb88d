import { type ByteSource, readInto } from "./byte-source.js";

const WINDOW = 64 * 1024;

/** Reads small, mostly consecutive pieces of a source without a system call for each. */
export class ReadWindow {
  readonly #source: ByteSource;
  readonly #bytes = new Uint8Array(WINDOW);
  #start = 0;
  #length = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get source(): ByteSource {
    return this.#source;
  }

  /**
   * Exactly `length` bytes, valid until the next call; `what` names them in the message. Throws `TRUNCATED`. At most 64
   * KiB.
   */
  read(offset: number, length: number, what: string): Uint8Array {
    if (offset < this.#start || offset + length > this.#start + this.#length) {
      // Until the read succeeds: it may have overwritten a part before it failed.
      this.#length = 0;
      this.#start = offset;
      this.#length = this.#fill(offset, length, what);
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }

  /** Reads as much as there is room for. If that fails, only what is wanted: the bad place may be behind it. */
  #fill(offset: number, length: number, what: string): number {
    let there: number;
    try {
      there = this.#source.read(this.#bytes, offset);
    } catch {
      there = 0;
    }
    if (there >= length) return there;
    readInto(this.#source, this.#bytes.subarray(0, length), offset, what);
    return length;
  }
}
