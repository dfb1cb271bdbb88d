import type { FileHandle } from "node:fs/promises";
import { DumpError, systemErrorCode } from "../errors.js";

/** Owner and mode of a finished output. Default: 0600, and the user of the finishing process. Only for files. */
export interface OutputAccess {
  /** 0 to 0o777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Sets owner and mode of a file that is complete but has not got its name yet. Throws `NOT_WRITABLE`. */
export async function giveAccess(file: FileHandle, name: string, { mode, uid, gid }: OutputAccess): Promise<void> {
  try {
    // The owner first, because changing it may clear bits of the mode.
    if (uid !== undefined || gid !== undefined) await file.chown(uid ?? -1, gid ?? -1);
    if (mode !== undefined) await file.chmod(mode);
  } catch (error) {
    if (systemErrorCode(error) !== "EPERM") throw error;
    throw new DumpError("NOT_WRITABLE", "its owner or mode cannot be changed: this user may not", {
      file: name,
      cure: "Only root gives files to others; a group must be one of the user's own. Name another owner, or run as root",
      cause: error,
    });
  }
}
