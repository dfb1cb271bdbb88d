import { pipeline, type Transform } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { constants, createGunzip, createInflate } from "node:zlib";
import { DumpError, systemErrorCode } from "../../../errors.js";
import { OPTION, piped } from "../../../option-words.js";
import { CUT_OFF_CURE } from "../../damage.js";
import { ARCHIVE_HEAD, archiveOf } from "../archive/archives.js";
import { findMember, type Wanted } from "../archive/find-member.js";
import { aborted } from "../byte-stream.js";
import { unpackBzip2 } from "./bunzip2.js";
import { ByteQueue } from "./byte-queue.js";
import { unpackLz4 } from "./lz4-frames.js";
import { type InputPacking, MAGIC_SIZE, packingOf } from "./packing.js";
import { unpackXz } from "./unpack-xz.js";
import { builtInZstdStream, UnexpectedEnd, zstdUnpacker } from "./unpack-zstd.js";
import { unsealStream } from "./unseal-stream.js";
import { frameByFrame } from "./zstd-frames.js";

/**
 * Bytes that are unpacked before other events may run. The packed data are in memory, and one piece of them may be 32
 * GiB of zeros: without pauses signals would not be handled, and a stopped run would go on.
 */
const BREATH = 32 << 20;
/** Packed bytes of which the same is true: they may unpack to nothing (empty blocks, frames that are skipped). */
const PACKED_BREATH = 1 << 20;

/** The bytes of a stream, unpacked if it was packed. */
export interface UnpackedStream {
  /**
   * The packing, from the inside out: "vmcore in a tar archive, packed with gzip"; `undefined` if it was not packed.
   */
  readonly packing: string | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** How to unpack a stream. */
export interface UnpackOptions {
  /** Whether a stream of gzip, zlib or bzip2 that is cut off simply ends. */
  readonly salvage: boolean;
  /** What the caller wants: then archives are searched for it. */
  readonly wanted?: Wanted;
  /** A file of age identities, for encrypted input. */
  readonly identity?: string | undefined;
  /** Whether the stream is bare memory, in which the two bytes of zlib mean nothing. */
  readonly bare?: boolean;
  /** Takes off what lies before packed bytes, if the stream begins so; called for each layer. */
  readonly takeHeader?: (queue: ByteQueue) => Promise<void>;
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a file that `wanted` gets. */
const WANTED_HEAD = 64;
const GZIP_PIECE = 128 * 1024;
/** A vmcore.flat in a tar in a zip, packed with xz, has three layers. More layers are an attack. */
const MOST_LAYERS = 5;

/**
 * Recognises by its first bytes whether a stream is packed or an archive, and unpacks all its layers. Throws
 * `CODEC_MISSING`, `LIMIT`, `NOT_A_DUMP` for an archive without a wanted file. Reading throws `TRUNCATED`, `CORRUPT`,
 * `UNSUPPORTED`, and what `chunks` throw.
 */
export async function unpackStream(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  options: UnpackOptions,
): Promise<UnpackedStream> {
  const opened: ByteQueue[] = [];
  const packed = new ByteQueue(breathing(chunks, name, options.signal, PACKED_BREATH));
  try {
    const { layers, queue } = await unpackLayers(packed, name, options, { layers: [], opened });
    // Who unpacks closes what it reads. Where nothing is packed nobody does: an object's stream holds its store open.
    if (layers.length === 0) return { packing: undefined, chunks: closing(queue, [packed]) };
    return { packing: layers.toReversed().join(", "), chunks: closing(queue, opened) };
  } catch (error) {
    // Not waited for: somebody may be reading it, and a silent stream ends when its owner ends it.
    packed.close().catch(() => undefined);
    await closeAll(opened);
    throw error;
  }
}

/** The rest of a stream. Its outer streams are closed with it, because an archive continues behind the wanted file. */
async function* closing(queue: ByteQueue, opened: readonly ByteQueue[]): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* queue.rest();
  } finally {
    await closeAll(opened);
  }
}

async function closeAll(opened: readonly ByteQueue[]): Promise<void> {
  for (const queue of opened.toReversed()) await queue.close().catch(() => undefined);
}

/** Layers that were found, and the streams that were opened to read them. */
interface Outer {
  readonly layers: readonly string[];
  readonly opened: ByteQueue[];
}

async function unpackLayers(
  stream: ByteQueue,
  name: string,
  options: UnpackOptions,
  { layers: outer, opened }: Outer,
): Promise<{ readonly layers: readonly string[]; readonly queue: ByteQueue }> {
  const { wanted, bare = false } = options;
  let queue = stream;
  const layers = [...outer];
  for (;;) {
    await options.takeHeader?.(queue);
    const packing = await findPacking(queue, name, bare);
    const isArchive = packing === undefined && wanted !== undefined && !wanted.is(await queue.peek(WANTED_HEAD));
    const archive = isArchive ? archiveOf(await queue.peek(ARCHIVE_HEAD), wanted.archives) : undefined;
    if (packing === undefined && archive === undefined) return { layers, queue };
    if (layers.length === MOST_LAYERS) {
      throw new DumpError("LIMIT", `is packed more than ${MOST_LAYERS} times, one in the other`, {
        file: name,
        cure: "Unpack it first, if it is from somebody you trust",
      });
    }
    if (packing === "xz" && layers.includes("packed with xz")) {
      throw new DumpError("UNSUPPORTED", "is packed with xz within what is packed with xz", {
        file: name,
        cure: `Unpack the outer one through a pipe: ${piped("xz -dc FILE")}`,
      });
    }
    if (packing !== undefined) {
      layers.push(packing === "age" ? "sealed with age" : `packed with ${packing}`);
      queue = new ByteQueue(breathing(unpacked(packing, queue, name, options), name, options.signal));
      opened.push(queue);
    } else if (archive !== undefined && wanted !== undefined) {
      return findMember(archive, queue, name, { layers, wanted }, async (chunks, inner) => {
        const within: ByteQueue[] = [];
        try {
          const found = await unpackLayers(new ByteQueue(chunks), name, options, { layers: inner, opened: within });
          const isWanted = wanted.is(await found.queue.peek(WANTED_HEAD));
          if (isWanted) opened.push(...within.splice(0));
          return isWanted ? found : undefined;
        } finally {
          await closeAll(within);
        }
      });
    }
  }
}

async function* breathing(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined,
  breath = BREATH,
): AsyncGenerator<Uint8Array, void, undefined> {
  let since = 0;
  for await (const piece of pieces) {
    yield piece;
    since += piece.length;
    if (since < breath) continue;
    since = 0;
    await setImmediate();
    if (signal?.aborted) throw aborted(name);
  }
}

function unpacked(
  packing: InputPacking,
  queue: ByteQueue,
  name: string,
  { salvage, identity }: UnpackOptions,
): AsyncIterable<Uint8Array> {
  const finishFlush = salvage ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
  switch (packing) {
    case "lz4":
      return unpackLz4(queue, name);
    case "bzip2":
      return unpackBzip2(queue, name);
    case "xz":
      return unpackXz(queue, name);
    case "age":
      return unsealStream(queue, name, identity);
    case "gzip":
      return unpackThrough(createGunzip({ chunkSize: GZIP_PIECE, finishFlush }), queue.rest(), name, packing);
    case "zlib":
      return unpackThrough(createInflate({ chunkSize: GZIP_PIECE, finishFlush }), queue.rest(), name, packing);
    case "zstd": {
      const unpacker = zstdUnpacker();
      return unpacker === undefined
        ? unpackThrough(builtInZstdStream(name), frameByFrame(queue), name, packing)
        : translated(unpacker(queue.rest()), name, packing);
    }
  }
}

/** Magic and length of a skippable frame. */
const FRAME_HEADER = 8;

async function findPacking(queue: ByteQueue, name: string, bare: boolean): Promise<InputPacking | undefined> {
  for (;;) {
    const head = await queue.peek(MAGIC_SIZE);
    const found = packingOf(head);
    if (found !== "skippable") return found === "zlib" && bare ? undefined : found;
    if (head.length < FRAME_HEADER) return undefined;
    const length = FRAME_HEADER + new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    if ((await queue.skip(length)) < length) throw cutOff(name, "zstd or LZ4", undefined);
  }
}

async function* unpackThrough(
  transform: Transform,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  packing: InputPacking,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Errors come out of the transform, which is read here.
  pipeline(chunks, transform, () => undefined);
  yield* translated(transform, name, packing);
}

/**
 * Translates the libraries' errors into this program's. Errors of reading the stream are already this program's own.
 */
async function* translated(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  packing: InputPacking,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof DumpError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const code = systemErrorCode(error);
    // These codes are zlib's; errors of zstd-napi have none.
    const cut = error instanceof UnexpectedEnd || code === "Z_BUF_ERROR" || /unexpected end/i.test(why);
    if (code === "Z_MEM_ERROR" || /too much memory/i.test(why)) {
      throw new DumpError("LIMIT", `its ${packing} stream needs more memory to unpack than is allowed: ${why}`, {
        file: name,
        cure: `Unpack it first: ${piped("zstd -d --long=31 -c FILE")}`,
        cause: error,
      });
    }
    if (cut) throw cutOff(name, packing, error);
    throw new DumpError("CORRUPT", `its ${packing} stream is damaged: ${why}`, {
      file: name,
      cure: `Copy it again from where it was made, or use ${OPTION.salvage} for what comes before`,
      cause: error,
    });
  }
}

function cutOff(name: string, packing: string, cause: unknown): DumpError {
  return new DumpError("TRUNCATED", `its ${packing} stream ends too early`, { file: name, cure: CUT_OFF_CURE, cause });
}
