import type { FileHandle } from "node:fs/promises";
import { DumpError, systemErrorCode } from "../errors.js";

/** Whose an output becomes when it is whole, and who may read it. What is not named stays: 0600, and of whoever finishes it. Files only. */
export interface OutputAccess {
  /** 0 to 0o777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Gives a file that is whole, and has not its name yet, to whom it shall belong. Throws `NOT_WRITABLE`. */
export async function giveAccess(file: FileHandle, name: string, { mode, uid, gid }: OutputAccess): Promise<void> {
  try {
    // First the owner: a change of it may take bits of the mode away.
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
