import { closeSync, ftruncateSync, unlinkSync } from "node:fs";
import { forgetUnfinished, type Unfinished, watchUnfinished } from "../../../unfinished.js";

/** Files that still have their names (Windows), by name. */
const named = new Map<string, Unfinished>();

/** From now on the file is removed when the program ends, in whatever way. */
export function watchSpoolFile(fd: number, path: string): void {
  const one = {
    dropAtOnce() {
      dropSpoolFile(fd, path);
      return undefined;
    },
  };
  named.set(path, one);
  watchUnfinished(one);
}

/** Closes a spool file that is no longer needed, and removes it if it still has its name (Windows). Never throws. */
export function dropSpoolFile(fd: number, path: string | undefined): void {
  if (path !== undefined) {
    const watched = named.get(path);
    if (watched !== undefined) forgetUnfinished(watched);
    named.delete(path);
    // If the name cannot be removed, at least the dump's data are.
    for (const step of [() => ftruncateSync(fd, 0), () => unlinkSync(path)]) {
      try {
        step();
      } catch {
        // It is gone already, or another program has it open: then the system's cleaning up removes it.
      }
    }
  }
  try {
    closeSync(fd);
  } catch {
    // Closed already.
  }
}
