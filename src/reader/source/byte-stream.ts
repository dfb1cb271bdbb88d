import { closeSync, constants, open, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { DumpError, NOTHING_LEFT, systemErrorCode } from "../../errors.js";
import { foreignReason, piped, thrownText } from "../../option-words.js";
import { describeSystemError, type FileHandle, statOpen } from "./byte-source.js";
import { readFullyAsync } from "./full-io.js";
import { STDIN, STDIN_NAME } from "./stream-input.js";

const READ_SIZE = 1 << 20;

/** Bytes that come one after the other and can be read only once. */
export interface ByteStream {
  /** Its name in messages. */
  readonly name: string;
  /** Reading throws `NOT_READABLE`, `ABORTED`. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /**
   * Only for a file: whether it was changed since it was opened. If reading stops early, the caller must await
   * `return()` of the chunks before it closes the file.
   */
  changed?(): boolean;
  /**
   * Only for a stream that may never send anything: abandons it, also while a read is running. Does nothing at its end.
   */
  drop?(): void;
}

/**
 * Opens stdin (`-`) or a FIFO. Waits until a FIFO has a writer; stdin may be a file. Throws `NOT_READABLE`,
 * `BAD_OPTION` for a terminal, `ABORTED`.
 */
export async function openStream(path: string, signal?: AbortSignal): Promise<FileHandle | ByteStream> {
  return path === STDIN ? openStdin(signal) : byteStream(await openFifo(path, signal), path, signal);
}

/** The bytes of an open file from its beginning. The file stays open. */
export function fileStream({ path, fd, size, mtimeMs }: FileHandle, signal?: AbortSignal): ByteStream {
  return {
    name: path,
    chunks: piecesOf(fd, path, size, signal),
    changed() {
      const now = statOpen(fd, path);
      return now.size !== size || now.mtimeMs !== mtimeMs;
    },
  };
}

/**
 * The bytes that the file had when it was opened. The next piece is read while the caller uses one. An empty read
 * before that end is an error: a format in which any part is complete (LZ4 frames, zstd frames) would otherwise seem to
 * be complete.
 */
async function* piecesOf(
  fd: number,
  name: string,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const readPiece = async (at: number) => {
    const piece = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, size - at));
    return piece.subarray(0, await readFullyAsync(fd, piece, at));
  };
  const read = (at: number) => {
    const piece = readPiece(at);
    // A caller that stops early never awaits the read that is running, so nobody would handle its failure.
    piece.catch(() => undefined);
    return piece;
  };
  let next = read(0);
  try {
    for (let at = 0; at < size; ) {
      if (signal?.aborted) throw aborted(name);
      const piece = await next;
      if (piece.length === 0) throw endsEarly(name, at, size);
      at += piece.length;
      if (at < size) next = read(at);
      yield piece;
    }
  } catch (error) {
    throw error instanceof DumpError ? error : notReadable(name, error, "Check the disk or network share it lies on");
  } finally {
    // After this the caller may close the file, and its number may become another file's: no read may still be running.
    await next.catch(() => undefined);
  }
}

function endsEarly(name: string, end: number, size: number): DumpError {
  return new DumpError("TRUNCATED", `ends at byte ${end}, but had ${size} bytes when it was opened`, {
    file: name,
    cure: "Something cuts it off, or the disk is failing: copy it again from where it was made",
  });
}

function openStdin(signal: AbortSignal | undefined): FileHandle | ByteStream {
  if (process.stdin.isTTY) {
    throw new DumpError("BAD_OPTION", "the dump should come from stdin, but stdin is a terminal", {
      cure: `Send it through a pipe: ${piped("ssh HOST cat /proc/vmcore")}`,
    });
  }
  const stat = statOpen(0, STDIN_NAME);
  // `< FILE`: it can be read at any offset, unless another program already read a part of it, which cannot be noticed.
  if (stat.isFile() && stat.size > 0) return { path: STDIN_NAME, fd: 0, size: stat.size, mtimeMs: stat.mtimeMs };
  return byteStream(process.stdin, STDIN_NAME, signal);
}

/**
 * Opening waits for a writer, in a thread that only a writer can wake up. When the run is stopped, this function opens
 * the FIFO for writing itself.
 */
function openFifo(path: string, signal: AbortSignal | undefined): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const letGo = () => {
      try {
        closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
      } catch {
        // Another program opened it at this moment.
      }
    };
    if (signal?.aborted) return reject(aborted(path));
    signal?.addEventListener("abort", letGo, { once: true });
    open(path, constants.O_RDONLY, (error, fd) => {
      signal?.removeEventListener("abort", letGo);
      if (error !== null) reject(notReadable(path, error));
      else if (signal?.aborted) {
        closeSync(fd);
        reject(aborted(path));
      } else resolve(new Socket({ fd, readable: true, writable: false }));
    });
  });
}

/**
 * The bytes of a stream. It is closed at its end, and destroyed if reading stops before. `cure` is the advice in its
 * errors. Throws as documented at `ByteStream.chunks`.
 */
export function byteStream(stream: Readable, name: string, signal: AbortSignal | undefined, cure?: string): ByteStream {
  return { name, chunks: read(stream, name, signal, cure), drop: () => void stream.destroy() };
}

async function* read(
  stream: Readable,
  name: string,
  signal: AbortSignal | undefined,
  cure: string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let isOver = false;
  let failNext = (_: DumpError) => {};
  // Not all streams end when they are destroyed: a generator that waits cannot be stopped. Nobody waits for those.
  const stop = () => {
    stream.destroy(aborted(name));
    failNext(aborted(name));
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      if (signal?.aborted) throw aborted(name);
      const next = iterator.next();
      const { done = false, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        failNext = reject;
        next.then(resolve, reject);
      });
      isOver = done;
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw error instanceof DumpError ? error : notReadable(name, error, cure);
  } finally {
    signal?.removeEventListener("abort", stop);
    if (!isOver) stream.destroy();
  }
}

/** The error that a caller stopped the reading of `name`. */
export function aborted(name: string): DumpError {
  return new DumpError("ABORTED", "stopped while it was read", { file: name, left: NOTHING_LEFT });
}

/** The error that reading `name` failed. */
export function notReadable(
  name: string,
  error: unknown,
  cure = "Look at what the program says that writes to it",
): DumpError {
  const code = systemErrorCode(error);
  const what =
    code === "ERR_STREAM_PREMATURE_CLOSE"
      ? "it was closed before its end"
      : code === undefined
        ? foreignReason(thrownText(error))
        : describeSystemError(error);
  return new DumpError("NOT_READABLE", `cannot be read: ${what}`, {
    file: name,
    cure,
    cause: error,
  });
}
