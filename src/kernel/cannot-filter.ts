import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";

/** The error of a dump whose pages cannot be classified, for the reason `why`. */
export function cannotFilter(dump: Dump, why: string): DumpError {
  return new DumpError("CANNOT_FILTER", `its pages cannot be classified: ${why}`, {
    file: dump.paths[0] ?? "",
    cure: "Levels 0 and 1 (`-d 1`, or `--exclude zero`) do not need that",
  });
}
