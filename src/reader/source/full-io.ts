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
 * Calls `step` for the bytes from `done` on, until `length` of them are done or it does none. One call of the system may do
 * less than it is asked for (more than 2 GiB, signals). Returns how many are done. Throws system errors.
 */
function doAll(length: number, step: (done: number) => number): number {
  let done = 0;
  for (let tries = 0; done < length; ) {
    try {
      const n = step(done);
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
async function doAllAsync(length: number, step: (done: number) => Promise<number>): Promise<number> {
  let done = 0;
  for (let tries = 0; done < length; ) {
    try {
      const n = await step(done);
      if (n === 0) break;
      done += n;
      tries = 0;
    } catch (error) {
      if (!mayTryAgain(error, tries++)) throw error;
    }
  }
  return done;
}

/**
 * Fills `into` from `offset` of the file on, counted from `base`. Returns how many bytes were read; fewer only at the
 * end of the file. Throws system errors.
 */
export function readFully(fd: number, into: Uint8Array, offset: number, base?: bigint): number {
  const place = (at: number) => (base === undefined ? at : base + BigInt(at));
  return doAll(into.length, (done) => readSync(fd, into, done, into.length - done, place(offset + done)));
}

/** The same without blocking the thread. */
export function readFullyAsync(fd: number, into: Uint8Array, offset: number): Promise<number> {
  return doAllAsync(into.length, (done) => readOnce(fd, into, done, offset + done));
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
  const step = (done: number) =>
    writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done);
  if (doAll(bytes.length, step) < bytes.length) throw nothingTaken();
}

/** The same without blocking the thread. */
export async function writeFullyAsync(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  const step = async (done: number) =>
    (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  if ((await doAllAsync(bytes.length, step)) < bytes.length) throw nothingTaken();
}

/** The error if a write takes no bytes: otherwise it would be tried for ever. */
function nothingTaken(): Error {
  return new Error("the system takes no more bytes, and does not say why");
}
