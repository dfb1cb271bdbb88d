import type { Packer } from "./packed/packer.js";

/** Smaller pieces are combined, because passing a piece to another thread costs more than copying it. */
const BUFFER = 256 * 1024;
const ZEROS = new Uint8Array(BUFFER);

/** Bytes in ascending order, passed to a packer without gaps: gaps are filled with zeros. */
export class AscendingBytes {
  readonly #buffer = new Uint8Array(BUFFER);
  #fill = 0;

  /** `position`: offset of the first byte. */
  constructor(
    private readonly packer: Packer,
    private position: number,
  ) {}

  /** Throws what the packer throws. */
  write(bytes: Uint8Array, offset: number): void | Promise<void> {
    if (offset === this.position && this.#fill + bytes.length <= BUFFER) {
      this.#buffer.set(bytes, this.#fill);
      this.#fill += bytes.length;
      this.position += bytes.length;
      return;
    }
    return this.#more(bytes, offset);
  }

  /** Call it when everything is written. The bytes end before `end`. */
  async finish(end: number): Promise<void> {
    await this.#zerosTo(end);
    await this.#flush();
    await this.packer.end();
  }

  async #more(bytes: Uint8Array, offset: number): Promise<void> {
    if (offset < this.position) throw new Error(`byte ${offset} after byte ${this.position}: not ascending`);
    await this.#zerosTo(offset);
    await this.#append(bytes);
  }

  async #zerosTo(end: number): Promise<void> {
    while (this.position < end) await this.#append(ZEROS.subarray(0, end - this.position));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#fill + bytes.length > BUFFER) await this.#flush();
    this.position += bytes.length;
    if (bytes.length > BUFFER) await this.packer.write(bytes);
    else {
      this.#buffer.set(bytes, this.#fill);
      this.#fill += bytes.length;
    }
  }

  async #flush(): Promise<void> {
    const fill = this.#fill;
    this.#fill = 0;
    if (fill > 0) await this.packer.write(this.#buffer.subarray(0, fill));
  }
}
