import { DumpError, type DumpErrorSubcode } from "../errors.js";
import type { Dump } from "../reader/dump.js";

/** The error of a dump whose pages cannot be classified, for the reason `why`. */
export function cannotFilter(dump: Dump, why: string, subcode?: DumpErrorSubcode): DumpError {
  return new DumpError("CANNOT_FILTER", "its pages cannot be classified", {
    ...{ why, subcode },
    file: dump.paths[0] ?? "",
    cure: "Levels 0 and 1 (`-d 1`, or `--exclude zero`) do not need that",
  });
}

/** Why a dump's pages cannot be classified, for who says that they cannot in words of their own. */
export function whyNotClassified({ code, why, reason }: DumpError): string {
  return code === "CANNOT_FILTER" && why !== undefined ? why : reason;
}
