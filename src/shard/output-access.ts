import type { FileHandle } from "node:fs/promises";
import { DumpError, systemErrorCode } from "../errors.js";

/** Whose an output becomes when it is whole, and who may read it. What is not named stays: 0600, and of whoever finishes it. Files only. */
export interface OutputAccess {
  /** 0 to 0o777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A mode in octal digits, as chmod takes it: none but permissions. Throws `BAD_OPTION`. */
export function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new DumpError("BAD_OPTION", `--output-mode ${text}: must be three octal digits`, {
    cure: "Write 640, and the group may read it",
  });
}

/** The kernel's uid_t: its last value means "none". */
const MOST_ID = 2 ** 32 - 2;

/** `UID`, `UID:GID` or `:GID`, in numbers: hosts may have other names for them. Throws `BAD_OPTION`. */
export function parseOwner(text: string): { readonly uid?: number; readonly gid?: number } {
  const [, user, group] = /^(\d{1,10})?(?::(\d{1,10}))?$/.exec(text) ?? [];
  const ids = [user, group].filter((id) => id !== undefined).map(Number);
  if (ids.length > 0 && ids.every((id) => id <= MOST_ID)) {
    return {
      ...(user === undefined ? {} : { uid: Number(user) }),
      ...(group === undefined ? {} : { gid: Number(group) }),
    };
  }
  throw new DumpError("BAD_OPTION", `--output-owner ${text}: must be UID, UID:GID or :GID`, {
    cure: "Write numbers: `id -u NAME` and `id -g NAME` say them",
  });
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
      cure: "Only root gives files to others; a group must be one of the user's own. Check --output-owner, or run as root",
      cause: error,
    });
  }
}
