import { types } from "node:util";
import { DumpError } from "../../errors.js";
import { aborted, type ByteStream, byteStream, notReadable } from "./byte-stream.js";
import { type GivenStream, isWeb, named, type StreamInput, type WebStreamReader } from "./stream-input.js";

/**
 * The bytes of a stream that the caller gave. It is read to its end and closed; if reading stops before, it is
 * destroyed (a web stream: cancelled). Throws `BAD_OPTION` for a stream that was already read from, because its first
 * bytes are gone. Reading throws `NOT_READABLE`, `ABORTED`.
 */
export function givenStream(input: GivenStream | StreamInput, signal?: AbortSignal): ByteStream {
  const { stream, name } = named(input);
  if (isWeb(stream) ? stream.locked : stream.readableDidRead || stream.readableEnded) {
    throw new DumpError("BAD_OPTION", "was read from before, or is being read", {
      file: name,
      cure: "Give a stream that nobody has read from",
    });
  }
  if (isWeb(stream)) {
    const reader = stream.getReader();
    const drop = () => void reader.cancel(aborted(name)).catch(() => undefined);
    return { name, chunks: onlyBytes(webBytes(reader, name, signal), name), drop };
  }
  const bytes = byteStream(stream, name, signal, FAILED);
  return { ...bytes, chunks: onlyBytes(bytes.chunks, name) };
}

const FAILED = "Look at what writes to it";

async function* webBytes(
  reader: WebStreamReader,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  // This ends a read that is running.
  const stop = () => reader.cancel(aborted(name)).catch(() => undefined);
  signal?.addEventListener("abort", stop, { once: true });
  let isOver = false;
  try {
    for (;;) {
      if (signal?.aborted) throw aborted(name);
      const { done, value } = await reader.read();
      if (signal?.aborted) throw aborted(name);
      isOver = done;
      if (done) return;
      yield value as Uint8Array;
    }
  } catch (error) {
    throw error instanceof DumpError ? error : notReadable(name, error, FAILED);
  } finally {
    signal?.removeEventListener("abort", stop);
    if (!isOver) reader.cancel(aborted(name)).catch(() => undefined);
    reader.releaseLock();
  }
}

async function* onlyBytes(chunks: AsyncIterable<unknown>, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const given of chunks) {
    // `FileHandle.readableWebStream()` of Node 20 gives these.
    const chunk = types.isAnyArrayBuffer(given) ? new Uint8Array(given) : given;
    if (!types.isUint8Array(chunk)) {
      throw new DumpError("BAD_OPTION", `gives ${typeof chunk === "string" ? "text" : "objects"}, not bytes`, {
        file: name,
        cure: "Give a stream of Uint8Arrays: without setEncoding and objectMode",
      });
    }
    yield chunk;
  }
}
