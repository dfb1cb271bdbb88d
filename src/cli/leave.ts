import { fstatSync } from "node:fs";
import type { Writable } from "node:stream";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { writeFully } from "../reader/source/full-io.js";
import type { Stop } from "./stop.js";

/**
 * Watches stdout: returns a function for its first error from now on. Also makes sure that stdout is written completely
 * or reports an error.
 */
export function watchStdout(): () => unknown {
  writeStdoutWhole();
  let first: unknown;
  process.stdout.on("error", (error) => {
    first ??= error;
  });
  return () => first;
}

/**
 * Ends the program after all output, without waiting for the threads, which have nothing to do any more. A stopped
 * program does not wait for readers of its output either. `stdoutError` returns stdout's error, if any.
 */
export async function leave(stop: Stop, stdoutError: () => unknown, report: (error: unknown) => void): Promise<never> {
  // Errors of the last writes arrive a moment after them.
  await new Promise((resolve) => setImmediate(resolve));
  if (stop.signalName() !== undefined) process.exit();
  const error = stdoutError();
  // Nobody reads any more (EPIPE), as after `| head`: not an error.
  if (error !== undefined && !process.exitCode && systemErrorCode(error) !== "EPIPE") {
    const what = `cannot be written: ${describeSystemError(error)}`;
    // The command succeeded, except for its last output.
    const left = "all else was done, and what was to be written elsewhere is there, and whole";
    report(new DumpError("NOT_WRITABLE", what, { file: "stdout", cure: "Look at where it goes", left }));
  }
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write("", resolve));
  }
  process.exit();
}

/**
 * If stdout is a file (`> FILE`), Node makes one system call for each piece, and treats the piece as written however
 * little of it the system took: on a disk that is nearly full the rest was lost without an error
 * (lib/internal/fs/sync_write_stream.js of Node 20 to 22). Pipes, sockets and terminals are written by libuv, which
 * continues until everything is written.
 */
function writeStdoutWhole(stdout: Writable = process.stdout, fd = 1): void {
  try {
    const stat = fstatSync(fd);
    if (stat.isFIFO() || stat.isSocket() || process.stdout.isTTY) return;
  } catch {
    // stdout is closed: writing reports it.
    return;
  }
  stdout._write = (chunk: Uint8Array | string, encoding, done) => {
    try {
      writeFully(fd, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, null);
    } catch (error) {
      return done(error as Error);
    }
    done();
  };
}
