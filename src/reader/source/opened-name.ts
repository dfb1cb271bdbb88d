import { lstatSync, readlinkSync, realpathSync } from "node:fs";

/** What identifies a file on one machine. */
interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/**
 * Where a file, or folder, that is open really lies. Linux names it by its descriptor, whatever has become of the path that it was opened by.
 * Other systems have no such name: there the path is resolved again, and what is there now has to be the file that is open; `undefined` if it is not.
 * (Who may change folders there at the right moments, twice, can still deceive it.) Throws system errors.
 */
export function openedName(fd: number, path: string, opened: FileIdentity): string | undefined {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // A container without /proc.
    }
  }
  const name = realpathSync(path);
  const { dev, ino } = lstatSync(name);
  return dev === opened.dev && ino === opened.ino ? name : undefined;
}
