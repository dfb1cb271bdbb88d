import { DumpError } from "../errors.js";
import { inWords, OPTION } from "../option-words.js";

/** What to do with a file that ends too early. */
export const CUT_OFF_CURE = `Copy it again from where it was made, or use ${OPTION.salvage} for what is there of it`;

const NOTHING_LEFT = "Copy it again from where it was made: too little of it is there to read any page";

/** An error of opening a dump with `salvage`, which must not be told to try that. */
export function notSalvaged(error: unknown): unknown {
  if (!(error instanceof DumpError) || !error.cure?.includes(inWords(OPTION.salvage))) return error;
  return error.with({ cure: NOTHING_LEFT });
}

/**
 * The error of a file that ends before what its headers describe, or from `offset` on says what cannot be: what comes before
 * may still be read. `offset`: the byte in the file, if one is meant.
 */
export function cutOffError(
  file: string,
  what: string,
  offset?: number,
  code: "TRUNCATED" | "CORRUPT" | "LIMIT" = "TRUNCATED",
): DumpError {
  return new DumpError(code, what, { file, offset, cure: CUT_OFF_CURE });
}

/** The error of a file whose content is impossible in its format. */
export function damagedFileError(code: "CORRUPT" | "LIMIT", file: string, what: string, offset?: number): DumpError {
  return new DumpError(code, what, { file, offset, cure: "The file is damaged: copy it again from where it was made" });
}

/** The same where only its header is read so far. */
export function damagedHeaderError(code: "CORRUPT" | "LIMIT", file: string, what: string, offset?: number): DumpError {
  const cure = "The header is damaged: copy the file again from where it was made";
  return new DumpError(code, what, { file, offset, cure });
}
