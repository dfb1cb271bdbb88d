/** Bytes of a chunk: small enough to unpack for one page, large enough to pack well. */
export const SPOOL_CHUNK = 128 * 1024;

/** Where the chunks of a stream lie in the spool file. Plain data and shared memory: workers read the same file. */
export interface SpoolIndex {
  /** Length of the stream in bytes, unpacked. */
  readonly size: number;
  /**
   * Chunk i is at bytes [ends[i - 1], ends[i]) of the file (from 0 on for the first): packed with LZ4, or as it is if those are a
   * whole chunk's; a chunk without bytes is zeros. Float64 in shared memory: 64 KiB per GiB of the stream.
   */
  readonly ends: Float64Array;
  /** How the stream was packed when it came, in words: "packed with gzip". */
  readonly packing: string | undefined;
  /** SHA-256 of the stream, unpacked, where it was asked for; hexadecimal. */
  readonly sha256?: string;
  /** The file's name, where it has one still. */
  readonly path: string | undefined;
}

/** Bytes of the stream in chunk i; the last one may be shorter. */
export function chunkLength(size: number, chunk: number): number {
  return Math.min(SPOOL_CHUNK, size - chunk * SPOOL_CHUNK);
}
