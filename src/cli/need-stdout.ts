import { existsSync, fstatSync, readSync, realpathSync, statSync } from "node:fs";
import { DumpError } from "../errors.js";
import { fileIdentity, leadsTo } from "../reader/source/file-identity.js";
import { STDIN } from "../reader/source/stream-input.js";

/**
 * For commands that write a dump to stdout and nowhere else. Throws `NOT_WRITABLE` if stdout is closed (`>&-`):
 * everything would be lost and no write would fail, because Node opens /dev/null in its place (src/node.cc of Node 20
 * to 24). Not for text: Python's `subprocess.DEVNULL` and many daemons open /dev/null in the same way, and a caller
 * that discards text wants the exit code. Throws `OUTPUT_EXISTS` if stdout leads into one of the inputs (`>> DUMP`), as
 * cat does: that input would be overwritten.
 */
export function needStdout(inputs: readonly string[], fd = 1): void {
  if (leadsToOneOf(inputs, fd)) {
    throw new DumpError("OUTPUT_EXISTS", "leads into the input itself", {
      file: "stdout",
      cure: "Send it into another file or a pipe",
    });
  }
  if (!standsForClosed(fd)) return;
  throw new DumpError("NOT_WRITABLE", "is closed, so what is written there is lost", {
    file: "stdout",
    cure: "Send it into a file or a pipe; `> /dev/null` throws it away",
  });
}

/** Node opens /dev/null also for reading; a shell's `> /dev/null` is not readable. */
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

function leadsToOneOf(inputs: readonly string[], fd: number): boolean {
  try {
    if (!fstatSync(fd).isFile()) return false;
    const file = fileIdentity(fd);
    // Inputs may also be names of objects or guests.
    return inputs.some((path) => {
      if (path !== STDIN) return existsSync(path) && leadsTo(realpathSync.native(path), file);
      const { dev, ino } = fileIdentity(0);
      return dev === file.dev && ino === file.ino;
    });
  } catch {
    return false;
  }
}
