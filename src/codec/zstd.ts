import { createRequire } from "node:module";
import type { Transform } from "node:stream";
import { zlib } from "./node-zlib.js";

/**
 * The parts of zstd-napi's (1.x) internal binding that are used here. The binding can write into an existing buffer;
 * the package's own functions make a new one for each page. Returned numbers are bytes; damaged data throw an `Error`.
 */
export interface ZstdNapi {
  readonly CCtx: new () => {
    /** ZSTD_compressCCtx. */
    compress(into: Uint8Array, data: Uint8Array, level: number): number;
    setParameter(parameter: number, value: number): void;
    /**
     * ZSTD_compressStream2: returns the number of bytes that must still be flushed, of bytes written, and of bytes
     * read.
     */
    compressStream2(
      into: Uint8Array,
      data: Uint8Array,
      directive: number,
    ): [left: number, produced: number, consumed: number];
  };
  readonly DCtx: new () => {
    /** ZSTD_decompressDCtx: decompresses one frame after the other. */
    decompress(into: Uint8Array, data: Uint8Array): number;
    /** ZSTD_decompressStream: returns 0 at the end of a frame, the number of bytes written, and of bytes read. */
    decompressStream(into: Uint8Array, data: Uint8Array): [hint: number, produced: number, consumed: number];
  };
  readonly compressBound: (size: number) => number;
}

/** The zstd functions of zlib in Node 22.15 and later, which Node 20's types lack. */
interface NodeZstd {
  readonly zstdCompressSync?: (data: Uint8Array, options: { params: Record<number, number> }) => Buffer;
  readonly zstdDecompressSync?: (data: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  readonly createZstdCompress?: (options: { chunkSize: number; params: Record<number, number> }) => Transform;
  readonly createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** ZSTD_cParameter from zstd.h. */
export const ZSTD_COMPRESSION_LEVEL = 100;
export const ZSTD_CHECKSUM = 201;

/** zstd-napi, an optional dependency; `undefined` if it is not installed or not built for this machine. */
export function zstdNapi(): ZstdNapi | undefined {
  try {
    return createRequire(import.meta.url)("zstd-napi/binding.js") as ZstdNapi;
  } catch {
    return undefined;
  }
}

/** Node's own zlib, which may include zstd. */
export function nodeZstd(): NodeZstd {
  return zlib() as NodeZstd;
}

/** Whether zstd is available. */
export function hasZstd(): boolean {
  return zstdNapi() !== undefined || nodeZstd().zstdCompressSync !== undefined;
}

const MAGIC = 0xfd2fb528;
/** Bytes of a dictionary's number, by the lowest two bits of the descriptor. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;

/**
 * Whether a zstd frame begins at bytes[at] whose header states a content of `length` bytes (RFC 8878, 3.1.1.1).
 * Decoding then gives that many bytes or fails. Recognises sizes of 256 bytes to 4 GiB, which includes all page sizes.
 */
export function frameHolds(bytes: Uint8Array, at: number, length: number): boolean {
  const byte = (i: number) => bytes[at + i] as number;
  const magic = byte(0) + byte(1) * 2 ** 8 + byte(2) * 2 ** 16 + byte(3) * 2 ** 24;
  if (magic !== MAGIC) return false;
  const descriptor = byte(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const size = 5 + (isSingleSegment ? 0 : 1) + (DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] as number);
  const low = byte(size) + byte(size + 1) * 2 ** 8;
  switch (descriptor >> 6) {
    case 1:
      return low + 256 === length;
    case 2:
      return low + byte(size + 2) * 2 ** 16 + byte(size + 3) * 2 ** 24 === length;
    default:
      return false;
  }
}
