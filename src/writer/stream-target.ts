import { abortedError, DumpError, systemErrorCode } from "../errors.js";
import { OPTION } from "../option-words.js";
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import type { ByteTarget } from "./byte-target.js";

/** Streams to which a run writes: the bytes of two would be mixed, and both runs would succeed. */
const inUse = new WeakSet<NodeJS.WritableStream>();

/**
 * A stream that others read, such as stdout. It is not ended. Throws `BAD_OPTION` for one to which another run writes;
 * writing throws `NOT_WRITABLE` if it fails (the program at the other end of the pipe has ended), `NO_SPACE` if the disk
 * behind it is full, `ABORTED`.
 */
export function streamTarget(stream: NodeJS.WritableStream, name: string, signal?: AbortSignal): ByteTarget {
  if (inUse.has(stream)) {
    throw new DumpError("BAD_OPTION", "another run writes to this stream", {
      file: name,
      cure: "Give each run a stream of its own, or wait until the other has ended",
    });
  }
  inUse.add(stream);
  let failure: unknown;
  let size = 0;
  stream.on("error", (error) => {
    failure ??= error;
  });
  // The reader of the stream may be slow, or never read: stopping does not wait for it.
  let refuse: ((error: DumpError) => void) | undefined;
  const stop = () => refuse?.(abortedError({ file: name }));
  signal?.addEventListener("abort", stop);
  // An HTTP response whose client has gone may never call back for a running write.
  const closed = () => refuse?.(streamError(name, failure ?? new Error("it was closed before its end")));
  stream.on("close", closed);
  const forget = () => {
    inUse.delete(stream);
    signal?.removeEventListener("abort", stop);
    stream.off("close", closed);
  };
  return {
    name,
    write(bytes) {
      return new Promise<void>((resolve, reject) => {
        refuse = reject;
        if (failure !== undefined) return reject(streamError(name, failure));
        try {
          stream.write(bytes, (error) => (error == null ? resolve() : reject(streamError(name, error))));
          size += bytes.length;
        } catch (error) {
          // A stream of the caller's may throw where it should call back.
          reject(streamError(name, error));
        }
      });
    },
    async finish() {
      forget();
      return size;
    },
    // Bytes that were sent cannot be taken back.
    async abort() {
      forget();
    },
    leftBehind: () => (size === 0 ? undefined : "what was sent stays, and ends in the middle"),
  };
}

function streamError(name: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  const gone = code === "EPIPE";
  const full = isWithoutRoom(error);
  const what = gone
    ? "the program that read the output has ended"
    : code === undefined && error instanceof Error
      ? error.message
      : describeSystemError(error);
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${what}`, {
    file: name,
    cure: full ? `Make room, or ${OPTION.smaller}` : "Look at what the receiving program says",
    cause: error,
  });
}
