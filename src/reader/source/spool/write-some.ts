import { writeSync } from "node:fs";
import { systemErrorCode } from "../../../errors.js";

/** One write, of a part at least. Signals may interrupt it before it has begun. */
export function writeSome(fd: number, bytes: Uint8Array, from: number, position: number): number {
  try {
    const n = writeSync(fd, bytes, from, bytes.length - from, position);
    if (n === 0) throw new Error("the system takes no more bytes, and does not say why");
    return n;
  } catch (error) {
    if (systemErrorCode(error) === "EINTR") return 0;
    throw error;
  }
}
