import { closeSync, ftruncateSync, unlinkSync } from "node:fs";
import { forgetUnfinished, type Unfinished, watchUnfinished } from "../../../unfinished.js";

/** Those that still have their names (Windows), by name. */
const named = new Map<string, Unfinished>();

/** From now on it is removed when the program ends, however. */
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

/** Closes a spool file that is of no use any more, and removes one that still has its name (Windows). Never throws. */
export function dropSpoolFile(fd: number, path: string | undefined): void {
  if (path !== undefined) {
    const watched = named.get(path);
    if (watched !== undefined) forgetUnfinished(watched);
    named.delete(path);
    // If the name cannot be removed, no dump data stay under it.
    for (const step of [() => ftruncateSync(fd, 0), () => unlinkSync(path)]) {
      try {
        step();
      } catch {
        // It is gone, or somebody looks at it: then it goes when the system cleans up.
      }
    }
  }
  try {
    closeSync(fd);
  } catch {
    // Closed already.
  }
}
