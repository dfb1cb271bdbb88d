import { read, readSync, writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { systemErrorCode } from "../../errors.js";

/**
 * How often in a row a call may be interrupted (EINTR) or postponed (EAGAIN, 1 ms each) before that is an error:
 * signals come now and then, but a file system that says "later" for a second will always say it.
 */
const RETRIES = 1000;
const IDLE = new Int32Array(new SharedArrayBuffer(4));

function mayTryAgain(error: unknown, tries: number): boolean {
  const code = systemErrorCode(error);
  if ((code !== "EINTR" && code !== "EAGAIN") || tries >= RETRIES) return false;
  if (code === "EAGAIN") Atomics.wait(IDLE, 0, 0, 1);
  return true;
}

/**
 * Fills `into` from `offset` of the file on, counted from `base`. Returns how many bytes were read; fewer only at the
 * end of the file. One call of the system may return less (more than 2 GiB, signals). Throws system errors.
 */
export function readFully(fd: number, into: Uint8Array, offset: number, base?: bigint): number {
  let done = 0;
  for (let tries = 0; done < into.length; ) {
    try {
      const at = offset + done;
      const n = readSync(fd, into, done, into.length - done, base === undefined ? at : base + BigInt(at));
      if (n === 0) break;
      done += n;
      tries = 0;
    } catch (error) {
      if (!mayTryAgain(error, tries++)) throw error;
    }
  }
  return done;
}

/** The same without blocking the thread. */
export async function readFullyAsync(fd: number, into: Uint8Array, offset: number): Promise<number> {
  let done = 0;
  for (let tries = 0; done < into.length; ) {
    try {
      const n = await readOnce(fd, into, done, offset + done);
      if (n === 0) break;
      done += n;
      tries = 0;
    } catch (error) {
      if (!mayTryAgain(error, tries++)) throw error;
    }
  }
  return done;
}

function readOnce(fd: number, into: Uint8Array, from: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, from, into.length - from, position, (error, n) => (error === null ? resolve(n) : reject(error)));
  });
}

/**
 * Writes all of `bytes` at `position`; `null`: at the current position, for streams. Throws system errors, and
 * `nothingTaken`.
 */
export function writeFully(fd: number, bytes: Uint8Array, position: number | null): void {
  let done = 0;
  for (let tries = 0; done < bytes.length; ) {
    try {
      const n = writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done);
      if (n === 0) throw nothingTaken();
      done += n;
      tries = 0;
    } catch (error) {
      if (!mayTryAgain(error, tries++)) throw error;
    }
  }
}

/** The same without blocking the thread. */
export async function writeFullyAsync(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  for (let tries = 0; done < bytes.length; ) {
    try {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
      if (bytesWritten === 0) throw nothingTaken();
      done += bytesWritten;
      tries = 0;
    } catch (error) {
      if (!mayTryAgain(error, tries++)) throw error;
    }
  }
}

/** The error if a write takes no bytes: otherwise it would be tried for ever. */
function nothingTaken(): Error {
  return new Error("the system takes no more bytes, and does not say why");
}
