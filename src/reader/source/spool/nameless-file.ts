import { openSync, unlinkSync } from "node:fs";
import { basename } from "node:path";
import { DumpError } from "../../../errors.js";
import { OPTION } from "../../../option-words.js";
import { describeSystemError } from "../byte-source.js";
import { fileIdentity, leadsTo } from "../file-identity.js";
import { dropSpoolFile, watchSpoolFile } from "./drop-spool.js";

/**
 * Makes a temporary file that has no name, so that nothing is left of it however the process ends. `path` is returned
 * where it still has its name (Windows): `dropSpoolFile` removes it. `dir` is its folder in messages. Throws the
 * system's errors, and `NOT_WRITABLE` if it cannot be removed again.
 */
export function openNameless(path: string, dir: string): { readonly fd: number; readonly path: string | undefined } {
  const fd = openSync(path, "wx+", 0o600);
  return { fd, path: unlinkOpen(path, fd, dir) ? undefined : path };
}

/**
 * Removes the name at once, so that nothing is left in any case. Windows does not allow that: there the file is removed
 * at the end. A folder in which files can be made but not removed is refused while the file is still empty. Throws
 * `NOT_WRITABLE`.
 */
function unlinkOpen(path: string, fd: number, dir: string): boolean {
  let why: unknown = "another file has its name";
  try {
    if (leadsTo(path, fileIdentity(fd))) {
      unlinkSync(path);
      return true;
    }
  } catch (error) {
    why = error;
  }
  if (process.platform === "win32") {
    watchSpoolFile(fd, path);
    return false;
  }
  dropSpoolFile(fd, undefined);
  const what = typeof why === "string" ? why : describeSystemError(why);
  throw new DumpError("NOT_WRITABLE", `the temporary file ${basename(path)} cannot be removed again: ${what}`, {
    file: dir,
    cure: `It is empty: remove it, and name another folder with ${OPTION.spoolDir}`,
    cause: why,
  });
}
