import { pipeline, type Transform } from "node:stream";
import { constants, createGunzip } from "node:zlib";
import { DumpError, systemErrorCode } from "../../../errors.js";
import { CUT_OFF_CURE } from "../byte-source.js";
import { ByteQueue } from "./byte-queue.js";
import { unpackLz4 } from "./lz4-frames.js";
import { MAGIC_SIZE, type Packing, packingOf } from "./packing.js";
import { builtInZstdStream, UnexpectedEnd, zstdUnpacker } from "./unpack-zstd.js";

/** The bytes of a stream, unpacked if it was packed. */
export interface UnpackedStream {
  readonly packing: Packing | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const GZIP_PIECE = 128 * 1024;

/**
 * Finds out by its first bytes whether a stream is packed, and unpacks it. With `salvage` a gzip stream that is cut off just
 * ends. Throws `CODEC_MISSING`; reading throws `TRUNCATED`, `CORRUPT`, and what `chunks` throw.
 */
export async function unpackStream(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  salvage: boolean,
): Promise<UnpackedStream> {
  const queue = new ByteQueue(chunks);
  const packing = await findPacking(queue, name);
  switch (packing) {
    case undefined:
      return { packing, chunks: queue.rest() };
    case "lz4":
      return { packing, chunks: unpackLz4(queue, name) };
    case "gzip": {
      const finishFlush = salvage ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
      return {
        packing,
        chunks: unpackThrough(createGunzip({ chunkSize: GZIP_PIECE, finishFlush }), queue, name, "gzip"),
      };
    }
    case "zstd": {
      const unpacker = zstdUnpacker();
      return {
        packing,
        chunks:
          unpacker === undefined
            ? unpackThrough(builtInZstdStream(name), queue, name, "zstd")
            : translated(unpacker(queue.rest()), name, "zstd"),
      };
    }
  }
}

async function findPacking(queue: ByteQueue, name: string): Promise<Packing | undefined> {
  for (;;) {
    const head = await queue.peek(2 * MAGIC_SIZE);
    const found = packingOf(head);
    if (found !== "skippable") return found;
    if (head.length < 2 * MAGIC_SIZE) return undefined;
    const length = 2 * MAGIC_SIZE + new DataView(head.buffer, head.byteOffset).getUint32(MAGIC_SIZE, true);
    if ((await queue.skip(length)) < length) throw cutOff(name, "zstd or LZ4", undefined);
  }
}

async function* unpackThrough(
  transform: Transform,
  queue: ByteQueue,
  name: string,
  packing: Packing,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Errors come out of the transform, which is read here.
  pipeline(queue.rest(), transform, () => undefined);
  yield* translated(transform, name, packing);
}

/** What the libraries throw, in our words; errors of reading the stream are ours already. */
async function* translated(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  packing: Packing,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof DumpError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const code = systemErrorCode(error);
    // Codes are zlib's; what zstd-napi throws has none.
    const cut = error instanceof UnexpectedEnd || code === "Z_BUF_ERROR" || /unexpected end/i.test(why);
    if (code === "Z_MEM_ERROR" || /too much memory/i.test(why)) {
      throw new DumpError("LIMIT", `its ${packing} stream needs more memory to unpack than is allowed: ${why}`, {
        file: name,
        cure: "Unpack it first: `zstd -d --long=31 -c FILE | coresieve - OUT`",
        cause: error,
      });
    }
    if (cut) throw cutOff(name, packing, error);
    throw new DumpError("CORRUPT", `its ${packing} stream is damaged: ${why}`, {
      file: name,
      cure: "Copy it again from where it was made, or use --salvage for what comes before",
      cause: error,
    });
  }
}

function cutOff(name: string, packing: string, cause: unknown): DumpError {
  return new DumpError("TRUNCATED", `its ${packing} stream ends too early`, { file: name, cure: CUT_OFF_CURE, cause });
}
