import type { Packing } from "../reader/source/packed/packing.js";
import { createSpoolFile, type SpoolFile, type SpoolOptions } from "../reader/source/spool/spool-file.js";
import { type ByteTarget, checkLimit } from "./byte-target.js";
import { createPacker } from "./packed/create-packer.js";
import type { Packer } from "./packed/packer.js";
import type { Sink } from "./sink.js";

/** Options of a sink that cannot seek. */
export interface OrderedSinkOptions {
  readonly packing: Packing | undefined;
  /** Temporary files for bytes that come out of order. */
  readonly spool: SpoolOptions;
  /** The most bytes that go to the target; packed bytes in temporary files count, too. */
  readonly limit?: number | undefined;
}

const PURPOSE = "for an output that cannot be written out of order";
const PIECE = 1 << 20;

/**
 * Writes a dump from its first byte to its last, packed or not. Bytes that the writer only knows late (the page
 * descriptors of a kdump file, which come before the pages) are kept in a temporary file. So are the bytes after them,
 * already packed as a frame of their own, so that at the end they are only copied. If the writer does not say where its
 * ascending bytes begin, everything is kept, unpacked. Throws `CODEC_MISSING`; writing throws what the target and
 * temporary files throw.
 */
export function createOrderedSink(target: ByteTarget, options: OrderedSinkOptions): Sink {
  return new OrderedSink(target, options);
}

class OrderedSink implements Sink {
  readonly name: string;
  /** The bytes before the ascending ones, at their own offsets. */
  #head: SpoolFile | undefined;
  /** The ascending bytes, packed, if bytes come before them. */
  #tail: SpoolFile | undefined;
  /** Offset at which the ascending bytes begin. */
  #from = Number.POSITIVE_INFINITY;
  #ascending: AscendingBytes | undefined;
  #packers: Packer[] = [];

  constructor(
    private readonly target: ByteTarget,
    private readonly options: OrderedSinkOptions,
  ) {
    this.name = target.name;
    // Made here, so that a missing codec is reported before the run.
    this.#packers.push(this.#toTarget());
  }

  ascendingFrom(offset: number): void {
    this.#from = offset;
    if (offset > 0) this.#tail = createSpoolFile(this.options.spool, PURPOSE);
    const packer = offset > 0 ? createPacker(this.options.packing, (bytes) => this.#keep(bytes)) : this.#packers[0];
    if (packer === undefined) throw new Error("a sink always has a packer");
    if (offset > 0) this.#packers.push(packer);
    this.#ascending = new AscendingBytes(packer, offset);
  }

  write(bytes: Uint8Array, offset: number): void | Promise<void> {
    if (offset < this.#from) {
      this.#head ??= createSpoolFile(this.options.spool, PURPOSE);
      this.#head.write(bytes, offset);
      return;
    }
    return this.#ascending?.write(bytes, offset);
  }

  async finish(size: number): Promise<number> {
    await this.#ascending?.finish(size);
    if (this.#from > 0) {
      const bytes = new AscendingBytes(this.#packers[0] as Packer, 0);
      await copy(this.#head, (piece, at) => bytes.write(piece, at));
      await bytes.finish(Math.min(size, this.#from));
      await copy(this.#tail, (piece) => this.target.write(piece));
    }
    this.#drop();
    return this.target.finish();
  }

  async abort(): Promise<void> {
    for (const packer of this.#packers) packer.abort();
    this.#drop();
    await this.target.abort();
  }

  leftBehind(): string | undefined {
    return this.target.leftBehind?.();
  }

  #toTarget(): Packer {
    return createPacker(this.options.packing, (bytes) => this.target.write(bytes));
  }

  #keep(bytes: Uint8Array): void {
    const { limit } = this.options;
    const tail = this.#tail as SpoolFile;
    if (limit !== undefined) checkLimit(this.name, tail.size() + bytes.length, limit);
    tail.write(bytes);
  }

  #drop(): void {
    for (const file of [this.#head, this.#tail]) {
      file?.drop();
    }
    this.#head = undefined;
    this.#tail = undefined;
  }
}

/** Reads all bytes of a temporary file in pieces: as many as were written, or throws. */
async function copy(
  file: SpoolFile | undefined,
  put: (bytes: Uint8Array, at: number) => void | Promise<void>,
): Promise<void> {
  if (file === undefined) return;
  const piece = new Uint8Array(PIECE);
  const size = file.size();
  for (let at = 0; at < size; ) {
    const bytes = piece.subarray(0, Math.min(PIECE, size - at));
    file.read(bytes, at);
    await put(bytes, at);
    at += bytes.length;
  }
}

/** Smaller pieces are combined, because passing a piece to another thread costs more than copying it. */
const BUFFER = 256 * 1024;
const ZEROS = new Uint8Array(BUFFER);

/** Bytes in ascending order, passed to a packer without gaps: gaps are filled with zeros. */
class AscendingBytes {
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
