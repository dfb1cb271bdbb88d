import { read, readSync, writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { systemErrorCode } from "../../errors.js";

/**
 * Times in a row that a call may be interrupted (EINTR) or put off (EAGAIN, 1 ms each) before that is an error: signals come now and
 * then, and a file system that says "later" for a second will say it for ever.
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
 * Fills `into` from `offset` of the file on, counted from `base`; returns how many bytes there were, fewer only where the system says that the file ends.
 * One call may return less than asked for (more than 2 GiB, signals). Throws system errors.
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

/** The same without keeping the thread busy. */
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

/** Writes all of `bytes` at `position`; `null`: where the file is, as streams do. Throws system errors, and what `nothingTaken` says. */
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

/** The same without keeping the thread busy. */
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

/** It would be tried for ever. */
function nothingTaken(): Error {
  return new Error("the system takes no more bytes, and does not say why");
}
