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
      this.#start = offset;
      this.#length = this.#source.read(this.#bytes, offset);
      if (this.#length < length) {
        this.#length = 0;
        readInto(this.#source, new Uint8Array(length), offset, what);
      }
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}
