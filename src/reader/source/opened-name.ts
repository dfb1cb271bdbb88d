import { readlinkSync, realpathSync } from "node:fs";
import { fileIdentity, leadsTo } from "./file-identity.js";

/**
 * Where a file, or folder, that is open really lies. Linux names it by its descriptor, whatever has become of the path that it was opened by.
 * Other systems have no such name: there the path is resolved again, and what is there now has to be the file that is open; `undefined` if it is not.
 * (Who may change folders there at the right moments, twice, can still deceive it.) Throws system errors.
 */
export function openedName(fd: number, path: string): string | undefined {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // A container without /proc.
    }
  }
  const name = realpathSync.native(path);
  return leadsTo(name, fileIdentity(fd)) ? name : undefined;
}
