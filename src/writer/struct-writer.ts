/** Writes the integers of a C struct in a given byte order; offsets are bytes. */
export interface StructWriter {
  readonly bytes: Uint8Array;
  u16(offset: number, value: number): void;
  u32(offset: number, value: number): void;
  /** 64 bits from a safe integer or a bigint (negative ones as two's complement). */
  u64(offset: number, value: number | bigint): void;
  /** An unsigned long of 4 or 8 bytes. */
  word(offset: number, value: number | bigint): void;
  /** Latin1 text, cut so that a NUL fits into `length` bytes. */
  text(offset: number, length: number, value: string): void;
}

export function structWriter(size: number, littleEndian: boolean, wordSize: 4 | 8): StructWriter {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number, value: number | bigint) =>
    view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), littleEndian);
  return {
    bytes,
    u16: (offset, value) => view.setUint16(offset, value, littleEndian),
    u32: (offset, value) => view.setUint32(offset, value, littleEndian),
    u64,
    word(offset, value) {
      if (wordSize === 8) u64(offset, value);
      else view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), littleEndian);
    },
    text(offset, length, value) {
      bytes.set(Buffer.from(value, "latin1").subarray(0, length - 1), offset);
    },
  };
}
