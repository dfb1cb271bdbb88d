import { fstatSync, readSync, statSync } from "node:fs";
import { DumpError } from "../errors.js";

/**
 * For who writes a dump to stdout and nowhere else. Throws `NOT_WRITABLE` where it is closed (`>&-`): all that is written is lost then, and no write
 * fails, for Node opens /dev/null in its place (src/node.cc of Node 20 to 24). Not for text: Python's `subprocess.DEVNULL` and many daemons open
 * /dev/null just so, and who throws text away wants the exit code.
 */
export function needStdout(fd = 1): void {
  if (!standsForClosed(fd)) return;
  throw new DumpError("NOT_WRITABLE", "is closed, so what is written there is lost", {
    file: "stdout",
    cure: "Send it into a file or a pipe; `> /dev/null` throws it away",
  });
}

/** Node opens for reading, too; a shell's `> /dev/null` cannot be read from. */
function standsForClosed(fd: number): boolean {
  if (process.platform === "win32") return false;
  try {
    if (fstatSync(fd).rdev !== statSync("/dev/null").rdev) return false;
    readSync(fd, new Uint8Array(1));
    return true;
  } catch {
    return false;
  }
}
