import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/byte-source.js";
import { FLATTENED_HEADER_SIZE, FLATTENED_SIGNATURE, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import type { Sink } from "./sink.js";

/**
 * Turns a dump into makedumpfile's flattened format, which needs no seeking: "put these bytes at this offset" records,
 * to be put together by `makedumpfile -R`, or read as they are by crash and coresieve. Throws `NOT_WRITABLE` when the
 * stream fails (the program at the other end of the pipe has gone), `NO_SPACE` when the disk behind it is full.
 */
export function createFlattenedSink(stream: NodeJS.WritableStream, name: string, signal?: AbortSignal): Sink {
  let failure: unknown;
  let end = 0;
  stream.on("error", (error) => {
    failure ??= error;
  });
  // Whoever reads the stream may take his time, or for ever: a stop does not wait for him.
  let refuse: ((error: DumpError) => void) | undefined;
  const stop = () =>
    refuse?.(new DumpError("ABORTED", "stopped; the stream ends without its end marker", { file: name }));
  signal?.addEventListener("abort", stop);
  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      refuse = reject;
      if (failure !== undefined) reject(streamError(name, failure));
      else stream.write(bytes, (error) => (error == null ? resolve() : reject(streamError(name, error))));
    });
  const begin = send(header());
  begin.catch(() => undefined);
  const record = async (bytes: Uint8Array, offset: number) => {
    await begin;
    const head = Buffer.alloc(RECORD_HEADER_SIZE);
    head.writeBigInt64BE(BigInt(offset), 0);
    head.writeBigInt64BE(BigInt(bytes.length), 8);
    void send(head).catch(() => undefined);
    await send(bytes);
    end = Math.max(end, offset + bytes.length);
  };
  return {
    name,
    // A record without bytes would end the stream for its readers.
    write: (bytes, offset) => (bytes.length === 0 ? undefined : record(bytes, offset)),
    async finish(size) {
      // Readers learn the length from the last byte: a dump that ends in zeros needs one.
      if (end < size) await record(new Uint8Array(1), size - 1);
      await send(new Uint8Array(RECORD_HEADER_SIZE).fill(0xff));
      signal?.removeEventListener("abort", stop);
    },
    async abort() {
      signal?.removeEventListener("abort", stop);
      // What is sent is sent; without the end marker every reader knows that it is not whole.
    },
  };
}

function header(): Uint8Array {
  const bytes = Buffer.alloc(FLATTENED_HEADER_SIZE);
  bytes.write(FLATTENED_SIGNATURE, 0, "latin1");
  bytes.writeBigInt64BE(1n, 16);
  bytes.writeBigInt64BE(1n, 24);
  return bytes;
}

function streamError(name: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  const gone = code === "EPIPE";
  const full = code === "ENOSPC" || code === "EDQUOT";
  const what = gone ? "the program that read the output has ended" : describeSystemError(error);
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${what}`, {
    file: name,
    cure: full ? "Make room, or drop more (-d 31) and compress (-c)" : "Look at what the receiving program says",
    cause: error,
  });
}
