import { readlinkSync, realpathSync } from "node:fs";
import { fileIdentity, leadsTo } from "./file-identity.js";

/**
 * The real path of an open file or folder. Linux knows it from the descriptor, whatever happened to the path by which
 * it was opened. On other systems the path is resolved again, and must still lead to the open file; `undefined` if it
 * does not. (There, changing folders twice at the right moments can deceive the check.) Throws system errors.
 */
export function openedName(fd: number, path: string): string | undefined {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // A container may lack /proc.
    }
  }
  const name = realpathSync.native(path);
  return leadsTo(name, fileIdentity(fd)) ? name : undefined;
}
