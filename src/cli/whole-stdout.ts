import { fstatSync } from "node:fs";
import type { Writable } from "node:stream";
import { writeFully } from "../reader/source/full-io.js";

/**
 * If stdout is a file (`> FILE`), Node makes one system call for each piece, and treats the piece as written however
 * little of it the system took: on a disk that is nearly full the rest was lost without an error
 * (lib/internal/fs/sync_write_stream.js of Node 20 to 22). Pipes, sockets and terminals are written by libuv, which
 * continues until everything is written.
 */
export function writeStdoutWhole(stdout: Writable = process.stdout, fd = 1): void {
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
