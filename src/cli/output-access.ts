import { DumpError } from "../errors.js";
import type { OutputAccess } from "../shard/output-access.js";

/** Owner and mode of outputs. Throws `BAD_OPTION`. */
export function outputAccess(values: {
  readonly outputMode: string | undefined;
  readonly outputOwner: string | undefined;
}): OutputAccess {
  const { outputMode, outputOwner } = values;
  return {
    ...(outputMode === undefined ? {} : { mode: parseMode(outputMode) }),
    ...(outputOwner === undefined ? {} : parseOwner(outputOwner)),
  };
}

/** A mode in octal digits, as for chmod, with permissions only. Throws `BAD_OPTION`. */
function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new DumpError("BAD_OPTION", `--output-mode ${text}: must be three octal digits`, {
    cure: "Write 640, and the group may read it",
  });
}

/** The kernel's uid_t: its last value means "no user". */
const MOST_ID = 2 ** 32 - 2;

/**
 * Parses `UID`, `UID:GID` or `:GID`. Only numbers, because hosts may have different names for them. Throws
 * `BAD_OPTION`.
 */
function parseOwner(text: string): { readonly uid?: number; readonly gid?: number } {
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
