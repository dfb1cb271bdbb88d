import { DumpError } from "../errors.js";

/** Whether the machine that runs this program is little endian. */
export const HOST_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** An unsigned integer of 4 or 8 bytes: most often an unsigned long of the dumped machine. */
export function wordAt(view: DataView, at: number, bytes: number, littleEndian: boolean): bigint {
  return bytes === 8 ? view.getBigUint64(at, littleEndian) : BigInt(view.getUint32(at, littleEndian));
}

/** Integers of a C struct in a given byte order. Offsets are bytes from the start of `bytes`. */
export interface Fields {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  u16(offset: number): number;
  u32(offset: number): number;
  i32(offset: number): number;
  /** 64 bits as bigint, for kernel addresses. */
  u64(offset: number): bigint;
  /** 64 bits that must fit a JavaScript number, for sizes, file offsets and pfns. Throws `LIMIT` above 2^53 - 1. */
  u64Number(offset: number, what: string): number;
  /** NUL-terminated text of at most `length` bytes, as latin1, so that each character is one byte. */
  text(offset: number, length: number): string;
}

export function fields(bytes: Uint8Array, littleEndian: boolean, file: string): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    bytes,
    littleEndian,
    u16: (offset) => view.getUint16(offset, littleEndian),
    u32: (offset) => view.getUint32(offset, littleEndian),
    i32: (offset) => view.getInt32(offset, littleEndian),
    u64: (offset) => view.getBigUint64(offset, littleEndian),
    u64Number(offset, what) {
      const value = view.getBigUint64(offset, littleEndian);
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new DumpError("LIMIT", `${what} is 0x${value.toString(16)}; at most 2^53 - 1 is possible`, {
          file,
          cure: "The header is damaged, or was read in the wrong byte order",
        });
      }
      return Number(value);
    },
    text(offset, length) {
      const slice = bytes.subarray(offset, offset + length);
      const end = slice.indexOf(0);
      return Buffer.from(end === -1 ? slice : slice.subarray(0, end)).toString("latin1");
    },
  };
}
