/** Writing what a built kernel's file is: zeros for the most part. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

const BLOCK = 16_384;
const ZEROS = Buffer.alloc(BLOCK);

/** Writes a file that has holes for blocks of zeros: tens of megabytes of them take a disk longer than a whole test. */
export function writeDump(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, "w");
  try {
    ftruncateSync(fd, bytes.length);
    let at = 0;
    while (at < bytes.length) {
      let end = at;
      while (end < bytes.length && !isZero(bytes, end)) end = Math.min(end + BLOCK, bytes.length);
      for (let done = at; done < end; ) done += writeSync(fd, bytes, done, end - done, done);
      at = end + BLOCK;
    }
  } finally {
    closeSync(fd);
  }
}

/** Whether the block that begins there has only zeros. */
function isZero(bytes: Uint8Array, at: number): boolean {
  const end = Math.min(at + BLOCK, bytes.length);
  return ZEROS.compare(bytes, at, end, 0, end - at) === 0;
}
