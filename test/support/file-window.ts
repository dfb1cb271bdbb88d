/** Reading a file in pieces of 1 MiB for readers that ask page by page: a system call for each page costs more than its comparison. */
import { fstatSync, readSync } from "node:fs";

const WINDOW = 1 << 20;
/** A page's descriptor and its bytes are in two places. */
const MOST = 2;

/** Reads from the open file, which must not change meanwhile. Throws where it ends earlier. */
export function fileWindow(fd: number): (offset: number, length: number) => Buffer {
  const { size } = fstatSync(fd);
  const windows: { readonly at: number; readonly bytes: Buffer }[] = [];
  return (offset, length) => {
    if (offset < 0 || offset + length > size) {
      throw new Error(`${length} bytes at ${offset} are outside the file of ${size} bytes`);
    }
    const known = windows.find(({ at, bytes }) => at <= offset && offset + length <= at + bytes.length);
    if (known !== undefined) return known.bytes.subarray(offset - known.at, offset - known.at + length);
    const bytes = Buffer.allocUnsafe(Math.max(length, Math.min(WINDOW, size - offset)));
    if (readSync(fd, bytes, 0, bytes.length, offset) !== bytes.length) throw new Error("the file became shorter");
    windows.unshift({ at: offset, bytes });
    windows.length = Math.min(windows.length, MOST);
    return bytes.subarray(0, length);
  };
}
