import { createRequire } from "node:module";
import type { Transform } from "node:stream";
import { zlib } from "./node-zlib.js";

/**
 * The parts used of the binding that zstd-napi (1.x) wraps. The binding itself lets a call write into a buffer of ours; the package's own functions make
 * a new one for each page. A number that is returned is of bytes; what is damaged throws an `Error`.
 */
export interface ZstdNapi {
  readonly CCtx: new () => {
    /** ZSTD_compressCCtx. */
    compress(into: Uint8Array, data: Uint8Array, level: number): number;
    setParameter(parameter: number, value: number): void;
    /** ZSTD_compressStream2: returns bytes that are to be flushed still, bytes written, bytes read. */
    compressStream2(
      into: Uint8Array,
      data: Uint8Array,
      directive: number,
    ): [left: number, produced: number, consumed: number];
  };
  readonly DCtx: new () => {
    /** ZSTD_decompressDCtx: goes from one frame to the next. */
    decompress(into: Uint8Array, data: Uint8Array): number;
    /** ZSTD_decompressStream: returns 0 at the end of a frame, bytes written, bytes read. */
    decompressStream(into: Uint8Array, data: Uint8Array): [hint: number, produced: number, consumed: number];
  };
  readonly compressBound: (size: number) => number;
}

/** What the zlib of Node 22.15 and later has, and Node 20's types lack. */
interface NodeZstd {
  readonly zstdCompressSync?: (data: Uint8Array, options: { params: Record<number, number> }) => Buffer;
  readonly zstdDecompressSync?: (data: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  readonly createZstdCompress?: (options: { chunkSize: number; params: Record<number, number> }) => Transform;
  readonly createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** ZSTD_cParameter, of zstd.h. */
export const ZSTD_COMPRESSION_LEVEL = 100;
export const ZSTD_CHECKSUM = 201;

/** zstd-napi, an optional dependency; `undefined` where it is not installed, or not built for this machine. */
export function zstdNapi(): ZstdNapi | undefined {
  try {
    return createRequire(import.meta.url)("zstd-napi/binding.js") as ZstdNapi;
  } catch {
    return undefined;
  }
}

/** zstd of Node's own, where it has it. */
export function nodeZstd(): NodeZstd {
  return zlib() as NodeZstd;
}

/** Whether there is one. */
export function zstdThere(): boolean {
  return zstdNapi() !== undefined || nodeZstd().zstdCompressSync !== undefined;
}
