/** Sparse physical memory: pages exist once written, everything else reads as zero. */

import type { ByteOrder, Integer } from "./bytes.js";
import { toU64 } from "./bytes.js";

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
    this.write(address, integerBytes(value, size, this.byteOrder));
  }

  readInteger(address: number, size: 1 | 2 | 4 | 8): bigint {
    const bytes = this.read(address, size);
    if (this.byteOrder === "little") {
      bytes.reverse();
    }
    return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** A copy of `size` bytes. */
  read(address: number, size: number): Uint8Array {
    const data = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      const at = address + done;
      const within = at % CHUNK;
      const part = Math.min(CHUNK - within, size - done);
      const chunk = this.#chunks.get(Math.floor(at / CHUNK));
      if (chunk !== undefined) {
        data.set(chunk.subarray(within, within + part), done);
      }
      done += part;
    }
    return data;
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

/** The low `size` bytes of a value. */
export function integerBytes(value: Integer, size: 1 | 2 | 4 | 8, byteOrder: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const little = byteOrder === "little";
  if (size === 8) view.setBigUint64(0, toU64(value), little);
  else if (size === 4) view.setUint32(0, Number(toU64(value) & 0xffff_ffffn), little);
  else if (size === 2) view.setUint16(0, Number(toU64(value) & 0xffffn), little);
  else view.setUint8(0, Number(toU64(value) & 0xffn));
  return bytes;
}
