import { DumpError } from "../errors.js";

/** What a run is told whose output is there already. */
export function outputExists(
  output: string,
  what: string,
  cure = "Submit it with -f to overwrite it, or name another output",
): DumpError {
  return new DumpError("OUTPUT_EXISTS", what, { file: output, cure });
}
