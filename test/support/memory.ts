/** Sparse physical memory: pages exist once written, everything else reads as zero. */

import { type ByteOrder, type Integer, setInteger } from "./bytes.js";

/** Unit in which memory is stored; independent of the page size of the kernel in it. */
const CHUNK = 4096;
const ZEROS = Buffer.alloc(CHUNK);

/** A half-open range of physical addresses. */
export interface MemoryRange {
  readonly start: number;
  readonly end: number;
}

export class PhysicalMemory {
  readonly byteOrder: ByteOrder;
  readonly #chunks = new Map<number, Uint8Array>();

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

  /** Whether every byte of the range is zero. */
  isZero(address: number, size: number): boolean {
    for (let at = address; at < address + size; at += CHUNK - (at % CHUNK)) {
      const chunk = this.#chunks.get(Math.floor(at / CHUNK));
      if (chunk !== undefined) {
        const part = chunk.subarray(at % CHUNK, Math.min(CHUNK, (at % CHUNK) + address + size - at));
        if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) {
          return false;
        }
      }
    }
    return true;
  }

  #chunk(address: number): Uint8Array {
    const index = Math.floor(address / CHUNK);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK);
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
