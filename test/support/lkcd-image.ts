/** Dumps of LKCD: a header, and a record for each page. */
import { deflateSync } from "node:zlib";
import type { ByteOrder } from "./bytes.js";
import type { MemoryPiece } from "./raw-image.js";

export interface LkcdOptions {
  readonly pieces: readonly MemoryPiece[];
  readonly packing?: "none" | "rle" | "gzip";
  readonly version?: number;
  readonly byteOrder?: ByteOrder;
  readonly machine?: string;
  readonly sysname?: string;
  /** Of longs, before version 8. Default 8. */
  readonly wordSize?: 4 | 8;
  readonly pageSize?: number;
  /** Without the record that ends it. */
  readonly noEnd?: boolean;
  /** The last page first. */
  readonly reversed?: boolean;
  readonly live?: boolean;
}

const CODES = { none: 0, rle: 1, gzip: 2 } as const;

export function buildLkcd(options: LkcdOptions): Buffer {
  const { pieces, packing = "gzip", byteOrder = "little", pageSize = 4096, noEnd = false, reversed = false } = options;
  const records = recordsOf(pieces, pageSize, reversed);
  return Buffer.concat([
    headerOf(options),
    ...records.map(({ address, bytes }) => recordOf(address, bytes, packing, byteOrder)),
    ...(noEnd ? [] : [recordHead(0n, 0, 4, byteOrder)]),
  ]);
}

function headerOf({
  pieces,
  packing = "gzip",
  version = 9,
  byteOrder = "little",
  machine = "x86_64",
  pageSize = 4096,
  live = false,
  wordSize = 8,
  sysname = "Linux",
}: LkcdOptions): Buffer {
  const data = version >= 9 ? 8192 : 65536;
  const head = Buffer.alloc(data);
  const { u32, u64 } = writers(head, byteOrder);
  u64(live ? 0xa819_0173_618f_23cdn : 0xa819_0173_618f_23edn, 0);
  u32(version, 8);
  u32(742, 12);
  u32(8, 16);
  u32(pageSize, 20);
  const end = Math.max(...pieces.map(({ start, data: bytes }) => start + bytes.length));
  u64(BigInt(end), 24);
  u64(BigInt(end), 40);
  const pages = pieces.reduce((sum, { data: bytes }) => sum + bytes.length / pageSize, 0);
  // Version 1 has two registers first. Up to version 7 the compiler aligns longs to their size; then nothing is aligned.
  const base = version === 1 ? 56 : 48;
  const aligned = (at: number, size: number) => (version >= 8 ? at : Math.ceil(at / size) * size);
  u32(pages, base);
  head.write("panic", base + 4, "latin1");
  const long = version >= 8 ? 8 : wordSize;
  const time = aligned(base + 4 + 256, long);
  if (long === 8) u64(1_700_000_000n, time);
  else u32(1_700_000_000, time);
  [sysname, "node", "2.6.5", "#1", machine, "domain"].forEach((text, i) => {
    head.write(text, time + 2 * long + 65 * i, "latin1");
  });
  const task = aligned(time + 2 * long + 6 * 65, long);
  if (version >= 5) u32(CODES[packing], task + long);
  if (version >= 9) u64(BigInt(data), 734);
  return head;
}

function writers(bytes: Buffer, byteOrder: ByteOrder) {
  const little = byteOrder === "little";
  return {
    u32: (value: number, at: number) => (little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at)),
    u64: (value: bigint, at: number) =>
      little ? bytes.writeBigUInt64LE(value, at) : bytes.writeBigUInt64BE(value, at),
  };
}

function recordsOf(pieces: readonly MemoryPiece[], pageSize: number, reversed: boolean) {
  const records = pieces.flatMap(({ start, data }) =>
    Array.from({ length: data.length / pageSize }, (_, i) => ({
      address: start + i * pageSize,
      bytes: data.subarray(i * pageSize, (i + 1) * pageSize),
    })),
  );
  return reversed ? records.reverse() : records;
}

function recordOf(address: number, bytes: Uint8Array, packing: keyof typeof CODES, byteOrder: ByteOrder): Buffer {
  const packed = packing === "none" ? bytes : packing === "gzip" ? deflateSync(bytes) : packRle(bytes);
  const isPacked = packed.length < bytes.length;
  const data = isPacked ? packed : bytes;
  return Buffer.concat([recordHead(BigInt(address), data.length, isPacked ? 2 : 1, byteOrder), data]);
}

function recordHead(address: bigint, size: number, flags: number, byteOrder: ByteOrder): Buffer {
  const head = Buffer.alloc(16);
  const { u32, u64 } = writers(head, byteOrder);
  u64(address, 0);
  u32(size, 8);
  u32(flags, 12);
  return head;
}

/** A byte 0, a count, a byte; of a single 0 a count of 0. */
function packRle(bytes: Uint8Array): Buffer {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i] as number;
    let count = 1;
    while (count < 255 && bytes[i + count] === byte) count++;
    if (count > 3 || (byte === 0 && count > 1)) out.push(0, count, byte);
    else for (let k = 0; k < count; k++) out.push(...(byte === 0 ? [0, 0] : [byte]));
    i += count;
  }
  return Buffer.from(out);
}
