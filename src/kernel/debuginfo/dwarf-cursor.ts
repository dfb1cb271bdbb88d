import type { DumpError } from "../../errors.js";
import { damagedFileError } from "../../reader/damage.js";

/** Reads the parts of DWARF one after the other, and never beyond `end`: throws `CORRUPT` there. */
export class DwarfCursor {
  readonly end: number;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly littleEndian: boolean,
    private readonly file: string,
    public pos: number = 0,
    end = bytes.length,
  ) {
    this.end = Math.min(end, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `count` bytes; returns the old position. */
  skip(count: number): number {
    const at = this.pos;
    if (!(count >= 0 && at + count <= this.end)) throw this.corrupt("ends in the middle of an entry");
    this.pos = at + count;
    return at;
  }

  u8(): number {
    if (this.pos >= this.end) throw this.corrupt("ends in the middle of an entry");
    return this.bytes[this.pos++] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), this.littleEndian);
  }

  u24(): number {
    const at = this.skip(3);
    const [a, b, c] = [0, 1, 2].map((i) => this.bytes[at + i] as number) as [number, number, number];
    return this.littleEndian ? a + b * 0x100 + c * 0x10000 : c + b * 0x100 + a * 0x10000;
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), this.littleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.skip(8), this.littleEndian);
  }

  /** An offset of 32 bits, or of 64 bits that must be a safe integer. */
  offset(size: 4 | 8): number {
    if (size === 4) return this.u32();
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.corrupt(`has an offset of 0x${value.toString(16)}`);
    return Number(value);
  }

  /** LEB128, unsigned. Numbers above 2^53 lose their low bits: no offset, size or code is so large. */
  uleb(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 128;
    do {
      byte = this.u8();
      value += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80);
    return value;
  }

  /** LEB128 with up to 64 bits, signed or unsigned. */
  bigLeb(signed: boolean): bigint {
    let value = 0n;
    let shift = 0n;
    let byte: number;
    do {
      byte = this.u8();
      if (shift < 64n) value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte >= 0x80);
    if (!signed) return BigInt.asUintN(64, value);
    return BigInt.asIntN(Number(shift < 64n ? shift : 64n), value);
  }

  /** Moves behind the NUL of a text. */
  skipText(): void {
    const end = this.bytes.indexOf(0, this.pos);
    if (end < 0 || end >= this.end) throw this.corrupt("ends in the middle of a name");
    this.pos = end + 1;
  }

  corrupt(what: string): DumpError {
    return damagedFileError("CORRUPT", this.file, `its DWARF debug information ${what}`);
  }
}
