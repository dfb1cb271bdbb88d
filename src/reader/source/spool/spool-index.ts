/** Bytes of a chunk: small enough to unpack for one page, large enough to pack well. */
export const SPOOL_CHUNK = 128 * 1024;

/**
 * Where the chunks of a stream are in the spool file. Plain data and shared memory, because workers read the same file.
 */
export interface SpoolIndex {
  /** Length of the stream in bytes, unpacked. */
  readonly size: number;
  /**
   * Chunk i has bytes [ends[i - 1], ends[i]) of the file (from 0 on for the first). It is packed with LZ4, or plain if
   * these are as many bytes as a whole chunk has; a chunk without bytes is zeros. Float64 in shared memory: 64 KiB per
   * GiB of the stream.
   */
  readonly ends: Float64Array;
  /** The packing of the original stream, for people: "packed with gzip". */
  readonly packing: string | undefined;
  /** SHA-256 of the unpacked stream, in hexadecimal, if the caller wanted it. */
  readonly sha256?: string;
  /** The file's name, if it still has one. */
  readonly path: string | undefined;
}

/** Bytes of the stream in chunk i. The last chunk may be shorter. */
export function chunkLength(size: number, chunk: number): number {
  return Math.min(SPOOL_CHUNK, size - chunk * SPOOL_CHUNK);
}
