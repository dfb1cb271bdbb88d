import { fstatSync } from "node:fs";
import type { Writable } from "node:stream";
import { writeFully } from "../reader/source/full-io.js";

/**
 * Where stdout is a file (`> FILE`) Node makes one system call for each piece and takes it for done, however much of the piece the system took: on
 * a disk that is nearly full the rest was lost without an error (lib/internal/fs/sync_write_stream.js of Node 20 to 22). Pipes,
 * sockets and terminals are written by libuv, which goes on until all is written.
 */
export function writeStdoutWhole(stdout: Writable = process.stdout, fd = 1): void {
  try {
    const stat = fstatSync(fd);
    if (stat.isFIFO() || stat.isSocket() || process.stdout.isTTY) return;
  } catch {
    // It is closed: writing says so.
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
