import { closeSync, unlinkSync } from "node:fs";

/** Removes a spool file that still has its name. Never throws. */
export function removeSpoolFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone, or somebody looks at it: then it goes when the system cleans up.
  }
}

/** Closes and removes a spool file that is of no use any more. Never throws. */
export function dropSpoolFile(fd: number, path: string | undefined): void {
  try {
    closeSync(fd);
  } catch {
    // Closed already.
  }
  if (path !== undefined) removeSpoolFile(path);
}
