import { DumpError } from "../errors.js";
import { cutOffError } from "../reader/damage.js";
import { FLATTENED_HEADER_SIZE, isFlattened, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import { isStreamPath } from "../reader/open-input.js";
import { openFile } from "../reader/source/byte-source.js";
import { type ByteStream, fileStream, openStream } from "../reader/source/byte-stream.js";
import { streamChanged } from "../reader/source/input-changed.js";
import { ByteQueue } from "../reader/source/packed/byte-queue.js";
import { unpackStream } from "../reader/source/packed/unpack.js";
import { closeOnce } from "../reader/source/source-image.js";
import { isStorePath } from "../store/store-url.js";
import { abandoned } from "./abandoned.js";
import { type FileOutputOptions, openFileSink } from "./open-file-sink.js";
import type { Sink } from "./sink.js";

/** Bytes of a record that are written at once. */
const PIECE = 1 << 20;

/** Where a plain file is written, packed or not. */
export interface PlainOutput extends FileOutputOptions {
  readonly path: string;
}

/**
 * Makes the plain file of a flattened one, byte for byte, like `makedumpfile -R`. The input is read once, from its
 * beginning to its end: a file, an object of a store, `-` for stdin, a FIFO; packed or not. Returns the length of the
 * file at its destination. Throws `NOT_A_DUMP` for an input that is not flattened, `TRUNCATED` without the end marker,
 * `INPUT_CHANGED`, and what reading and writing throw; then nothing is left behind.
 */
export async function rearrangeDump(input: string, output: PlainOutput, signal?: AbortSignal): Promise<number> {
  const opened = isStorePath(input)
    ? await objectStream(input, signal)
    : isStreamPath(input)
      ? await openStream(input, signal)
      : openFile(input);
  let sink: Sink | undefined;
  let queue: ByteQueue | undefined;
  try {
    const stream = "fd" in opened ? fileStream(opened, signal) : opened;
    const { chunks } = await unpackStream(stream.chunks, stream.name, { salvage: false, signal });
    sink = await openFileSink(output.path, output, [input]);
    queue = new ByteQueue(chunks);
    const size = await replay(queue, stream.name, sink);
    if (stream.changed?.() === true) throw streamChanged(stream.name);
    return (await sink.finish(size)) ?? size;
  } catch (error) {
    throw await abandoned(error, sink);
  } finally {
    await queue?.close().catch(() => undefined);
    if ("fd" in opened) closeOnce([{ file: opened, flattened: undefined }])();
  }
}

async function objectStream(path: string, signal: AbortSignal | undefined): Promise<ByteStream> {
  const { objectBytes } = await import("../store/open-object.js");
  return { name: path, chunks: objectBytes(path, signal) };
}

async function replay(queue: ByteQueue, name: string, sink: Sink): Promise<number> {
  const head = Buffer.from(await queue.take(FLATTENED_HEADER_SIZE));
  if (!isFlattened(head)) {
    throw new DumpError("NOT_A_DUMP", "is not flattened", {
      file: name,
      cure: "`coresieve info` says what it is; plain dumps need no rearranging",
    });
  }
  let size = 0;
  for (;;) {
    const header = Buffer.from(await queue.take(RECORD_HEADER_SIZE));
    if (header.length < RECORD_HEADER_SIZE) throw cutOff(name, queue.position);
    const offset = header.readBigInt64BE(0);
    const length = header.readBigInt64BE(8);
    if (offset === -1n && length === -1n) return size;
    if (offset < 0n || length <= 0n || offset + length > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new DumpError("CORRUPT", `flattened record for offset ${offset} of ${length} bytes`, {
        file: name,
        offset: queue.position - RECORD_HEADER_SIZE,
        cure: "The stream was damaged on its way: fetch it again",
      });
    }
    let at = Number(offset);
    const end = at + Number(length);
    while (at < end) {
      const bytes = await queue.take(Math.min(PIECE, end - at));
      if (bytes.length === 0) throw cutOff(name, queue.position);
      await sink.write(bytes, at);
      at += bytes.length;
    }
    size = Math.max(size, end);
  }
}

function cutOff(name: string, offset: number): DumpError {
  return cutOffError(name, "ends in its flattened records (the end marker is missing)", offset);
}
