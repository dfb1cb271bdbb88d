import { closeSync, ftruncateSync, unlinkSync } from "node:fs";

/** Closes a spool file that is of no use any more, and removes one that still has its name (Windows). Never throws. */
export function dropSpoolFile(fd: number, path: string | undefined): void {
  if (path !== undefined) {
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
