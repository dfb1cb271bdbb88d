/** Sparse physical memory: pages exist once written, everything else reads as zero. */

import { type ByteOrder, type Integer, patternBytes, setInteger } from "./bytes.js";

/** Unit in which memory is stored; independent of the page size of the kernel in it. */
const CHUNK = 4096;
const ZEROS = Buffer.alloc(CHUNK);
/** As many are allocated in one go: a built kernel has thousands. */
const CHUNKS_AT_ONCE = 128;

/** A half-open range of physical addresses. */
export interface MemoryRange {
  readonly start: number;
  readonly end: number;
}

export class PhysicalMemory {
  readonly byteOrder: ByteOrder;
  readonly #chunks = new Map<number, Uint8Array>();
  #room = new Uint8Array(0);

  constructor(byteOrder: ByteOrder) {
    this.byteOrder = byteOrder;
  }

  write(address: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const at = address + done;
      const within = at % CHUNK;
      const size = Math.min(CHUNK - within, data.length - done);
      this.#chunk(at).set(data.subarray(done, done + size), within);
      done += size;
    }
  }

  /** Fills a page by repeating a text. */
  writePattern(address: number, size: number, text: string): void {
    const within = address % CHUNK;
    if (within + size > CHUNK) this.write(address, patternBytes(text, size));
    else {
      const { buffer, byteOffset } = this.#chunk(address);
      Buffer.from(buffer, byteOffset + within, size).fill(text, "latin1");
    }
  }

  /** Writes the low `size` bytes of a value in this memory's byte order. */
  writeInteger(address: number, size: 1 | 2 | 4 | 8, value: Integer): void {
    const within = address % CHUNK;
    if (within + size > CHUNK) this.write(address, integerBytes(value, size, this.byteOrder));
    else setInteger(viewOf(this.#chunk(address)), within, size, value, this.byteOrder === "little");
  }

  readInteger(address: number, size: 1 | 2 | 4 | 8): bigint {
    const view = viewOf(this.read(address, size));
    const little = this.byteOrder === "little";
    if (size === 8) return view.getBigUint64(0, little);
    return BigInt(size === 4 ? view.getUint32(0, little) : size === 2 ? view.getUint16(0, little) : view.getUint8(0));
  }

  /** A copy of `size` bytes. */
  read(address: number, size: number): Uint8Array {
    const data = new Uint8Array(size);
    this.readInto(data, address);
    return data;
  }

  /** Copies what is at the address over `data`, which has only zeros. */
  readInto(data: Uint8Array, address: number): void {
    const size = data.length;
    let done = 0;
    while (done < size) {
      const at = address + done;
      const within = at % CHUNK;
      const part = Math.min(CHUNK - within, size - done);
      const chunk = this.#chunks.get(Math.floor(at / CHUNK));
      if (chunk !== undefined) {
        data.set(part === CHUNK ? chunk : chunk.subarray(within, within + part), done);
      }
      done += part;
    }
  }

  /** What was written in the range, ascending; the rest is zero. */
  *written(address: number, size: number): Generator<{ readonly at: number; readonly bytes: Uint8Array }> {
    for (let at = address; at < address + size; at += CHUNK - (at % CHUNK)) {
      const chunk = this.#chunks.get(Math.floor(at / CHUNK));
      const end = Math.min(CHUNK, (at % CHUNK) + address + size - at);
      if (chunk !== undefined) yield { at, bytes: chunk.subarray(at % CHUNK, end) };
    }
  }

  /** Whether every byte of the range is zero. */
  isZero(address: number, size: number): boolean {
    for (const { bytes } of this.written(address, size)) {
      if (ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0) return false;
    }
    return true;
  }

  #chunk(address: number): Uint8Array {
    const index = Math.floor(address / CHUNK);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      if (this.#room.length === 0) this.#room = new Uint8Array(CHUNK * CHUNKS_AT_ONCE);
      chunk = this.#room.subarray(0, CHUNK);
      this.#room = this.#room.subarray(CHUNK);
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength);

/** The low `size` bytes of a value. */
export function integerBytes(value: Integer, size: 1 | 2 | 4 | 8, byteOrder: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(size);
  setInteger(viewOf(bytes), 0, size, value, byteOrder === "little");
  return bytes;
}
