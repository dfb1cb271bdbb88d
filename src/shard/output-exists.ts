import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";

/** The error of a run whose output exists already. */
export function outputExists(
  output: string,
  what: string,
  cure = `Use ${OPTION.force} to overwrite it, or name another output`,
): DumpError {
  return new DumpError("OUTPUT_EXISTS", what, { file: output, cure });
}
