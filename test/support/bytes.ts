/** Writing integers of either byte order into a buffer that grows as needed. */

export type ByteOrder = "little" | "big";

/** An integer of up to 64 bits. Numbers must be safe integers; negative values wrap as two's complement. */
export type Integer = number | bigint;

const MASK64 = 0xffff_ffff_ffff_ffffn;

/** The value as an unsigned 64-bit bigint (negative values wrap). */
export function toU64(value: Integer): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(`not a safe integer: ${value}`);
  }
  return BigInt(value) & MASK64;
}

/** Writes the low `size` bytes of a value. Built kernels have millions of them, so nothing is allocated for a number. */
export function setInteger(view: DataView, at: number, size: 1 | 2 | 4 | 8, value: Integer, little: boolean): void {
  if (typeof value === "bigint") {
    if (size === 8) view.setBigUint64(at, value, little);
    else setInteger(view, at, size, Number(value & 0xffff_ffffn), little);
    return;
  }
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  // The setters take the low bits, of negative numbers too.
  if (size === 8) {
    view.setUint32(at + (little ? 0 : 4), value, little);
    view.setUint32(at + (little ? 4 : 0), Math.floor(value / 0x1_0000_0000), little);
  } else if (size === 4) view.setUint32(at, value, little);
  else if (size === 2) view.setUint16(at, value, little);
  else view.setUint8(at, value);
}

/**
 * A byte buffer with a cursor. Every write moves the cursor on; `seek` sets it anywhere, also past the end (the gap
 * is zero). Its final length is the highest position ever written.
 */
export class ByteBuffer {
  readonly byteOrder: ByteOrder;
  #bytes: Uint8Array;
  #view: DataView;
  #position = 0;
  #length = 0;

  constructor(byteOrder: ByteOrder, capacity = 256) {
    this.byteOrder = byteOrder;
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get position(): number {
    return this.#position;
  }

  get length(): number {
    return this.#length;
  }

  #claim(size: number): number {
    const at = this.#position;
    const end = at + size;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#position = end;
    this.#length = Math.max(this.#length, end);
    return at;
  }

  seek(position: number): this {
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new RangeError(`bad position ${position}`);
    }
    this.#position = position;
    return this;
  }

  /** Moves on over `count` bytes, which are zero unless written before, and counts them as written. */
  skip(count: number): this {
    this.#claim(count);
    return this;
  }

  /** Moves on to the next multiple of `unit`. */
  align(unit: number): this {
    return this.skip((unit - (this.#position % unit)) % unit);
  }

  u8(value: number): this {
    const at = this.#claim(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#claim(2);
    this.#view.setUint16(at, value, this.byteOrder === "little");
    return this;
  }

  u32(value: Integer): this {
    const at = this.#claim(4);
    setInteger(this.#view, at, 4, value, this.byteOrder === "little");
    return this;
  }

  u64(value: Integer): this {
    const at = this.#claim(8);
    setInteger(this.#view, at, 8, value, this.byteOrder === "little");
    return this;
  }

  /** A word of 4 or 8 bytes; a value too large for 4 bytes loses its upper half. */
  word(size: 4 | 8, value: Integer): this {
    return size === 4 ? this.u32(value) : this.u64(value);
  }

  bytes(data: Uint8Array): this {
    const at = this.#claim(data.length);
    this.#bytes.set(data, at);
    return this;
  }

  /** The next `size` bytes, for who fills them. They are no part of the buffer any more when it has grown. */
  room(size: number): Uint8Array {
    const at = this.#claim(size);
    return this.#bytes.subarray(at, at + size);
  }

  /** ASCII text, cut or padded with zeros to `size` if one is given. */
  text(text: string, size = text.length): this {
    const field = new Uint8Array(size);
    field.set(asciiBytes(text).subarray(0, size));
    return this.bytes(field);
  }

  /** A copy of everything written so far. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Everything written so far, for who writes no more: a built dump has tens of megabytes. */
  end(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Text to bytes, one byte per character. */
export function asciiBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** A page (or any size) filled by repeating a text: recognisable content for tests. */
export function patternBytes(text: string, size: number): Uint8Array {
  // Filled by native code: a built kernel has thousands of such pages.
  const { buffer, byteOffset } = Buffer.alloc(size, text, "latin1");
  return new Uint8Array(buffer, byteOffset, size);
}

/** Pseudo-random bytes that no codec can shrink; the same for the same seed. */
export function noiseBytes(seed: number, size: number): Uint8Array {
  const random = randomSource(seed);
  const filled = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    filled[at] = random() & 0xff;
  }
  return filled;
}

/** A small repeatable generator of unsigned 32-bit numbers (xorshift32, high bits mixed down). */
export function randomSource(seed: number): () => number {
  let state = (Math.imul(seed | 0, 0x9e37_79b1) ^ 0x85eb_ca6b) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (Math.imul(state, 0x2c1b_3c6d) ^ (state >>> 15)) >>> 0;
  };
}
