import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";

/** The error of a dump whose log cannot be read, for the reason `why`; `cause` is what led to it. */
export function noLog(dump: Dump, why: string, cause?: unknown): DumpError {
  return new DumpError("CANNOT_FILTER", `its kernel log cannot be read: ${why}`, {
    file: dump.paths[0] ?? "",
    cure: "`coresieve info` says what the dump tells of its kernel",
    cause,
  });
}
