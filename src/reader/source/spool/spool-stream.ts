import { formatBytes } from "../../../byte-size.js";
import { DumpError } from "../../../errors.js";
import type { ByteStream } from "../byte-stream.js";
import { LZ4_LENGTH_SIZE, lz4Binding } from "../packed/lz4-block.js";
import type { SpoolFile } from "./spool-file.js";
import { SPOOL_CHUNK } from "./spool-index.js";

/** Chunks that are packed at the same time, in the threads of libuv's pool. */
const IN_FLIGHT = 4;
const ZEROS = Buffer.alloc(SPOOL_CHUNK);

/** A stream may begin with this many bytes of zeros without anything else: they are read in a minute or two. */
const ZEROS_FREELY = 256 * 2 ** 30;
/**
 * Beyond that, one byte must be stored for so many bytes of zeros. A machine of 64 TiB has at least a kernel and 1 TiB
 * of struct pages, which is far more than 64 MiB when packed.
 */
const ZEROS_PER_BYTE = 2 ** 20;

/**
 * Refuses a stream that is nearly all zeros, whatever its headers claim: a MiB of zstd can be 32 GiB of them. Throws
 * `LIMIT`.
 */
export function checkZeros(read: number, stored: number, file: string): void {
  if (read <= ZEROS_FREELY + ZEROS_PER_BYTE * stored) return;
  const what = `its first ${formatBytes(read)} are zeros but for ${formatBytes(stored)}, packed; no machine's memory is so empty`;
  throw new DumpError("LIMIT", what, { file, cure: "Copy the dump again from where it was made" });
}

/** Progress of spooling, in bytes. */
export interface SpoolProgress {
  /** Unpacked bytes of the stream. */
  readonly read: number;
  /** Bytes in the temporary file. */
  readonly stored: number;
}

interface PendingChunk {
  readonly chunk: Buffer;
  readonly length: number;
  readonly isZero: boolean;
  readonly packed: Promise<Buffer> | undefined;
}

/**
 * Writes a stream to a spool file in packed chunks. Returns where each chunk ends, and the stream's length. Without
 * lz4-napi chunks are stored plainly; chunks of zeros are never stored. Throws what the stream and the file throw;
 * `failed` may decide that the bytes before an error of the stream are enough.
 */
export async function spoolStream(
  { name, chunks }: Pick<ByteStream, "name" | "chunks">,
  file: SpoolFile,
  onProgress: ((progress: SpoolProgress) => void) | undefined,
  failed: (error: unknown) => void,
): Promise<{ readonly size: number; readonly ends: Float64Array }> {
  const lz4 = lz4Binding();
  let ends = new Float64Array(new SharedArrayBuffer(8 * 1024));
  let count = 0;
  const spare: Buffer[] = [];
  const pending: PendingChunk[] = [];
  const store = async () => {
    const next = pending.shift();
    if (next === undefined) return;
    const whole = next.chunk.subarray(0, next.length);
    const packed = await next.packed;
    if (!next.isZero) {
      const smaller = packed !== undefined && packed.length > LZ4_LENGTH_SIZE && packed.length < next.length;
      file.write(smaller ? packed : whole);
    }
    if (count === ends.length) {
      const larger = new Float64Array(new SharedArrayBuffer(16 * count));
      larger.set(ends);
      ends = larger;
    }
    ends[count++] = file.size();
    spare.push(next.chunk);
  };
  let size = 0;
  let current: Buffer = Buffer.allocUnsafeSlow(SPOOL_CHUNK);
  let fill = 0;
  const flush = async () => {
    const whole = current.subarray(0, fill);
    const isZero = ZEROS.compare(whole, 0, fill, 0, fill) === 0;
    const packed = isZero ? undefined : lz4?.compress(whole);
    // The promise is awaited later.
    packed?.catch(() => undefined);
    pending.push({ chunk: current, length: fill, isZero, packed });
    if (pending.length > IN_FLIGHT) await store();
    current = spare.pop() ?? Buffer.allocUnsafeSlow(SPOOL_CHUNK);
    fill = 0;
  };
  try {
    for await (const piece of chunks) {
      for (let at = 0; at < piece.length; ) {
        const n = Math.min(SPOOL_CHUNK - fill, piece.length - at);
        current.set(piece.subarray(at, at + n), fill);
        fill += n;
        at += n;
        if (fill === SPOOL_CHUNK) await flush();
      }
      size += piece.length;
      checkZeros(size, file.size(), name);
      onProgress?.({ read: size, stored: file.size() });
    }
  } catch (error) {
    failed(error);
  }
  if (fill > 0) await flush();
  while (pending.length > 0) await store();
  return { size, ends: ends.subarray(0, count) };
}
