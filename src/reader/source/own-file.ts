import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { describeSystemError } from "./byte-source.js";
import { readFully } from "./full-io.js";

/** A file of this program's own, which must contain what was written to it. */
export interface OwnFile {
  readonly fd: number;
  /** Its name in messages. */
  readonly name: string;
}

/**
 * Fills `into` from `offset` of a file that this program wrote. Throws `NOT_READABLE` for a system error, and if the
 * file ends before.
 */
export function readExact(file: OwnFile, into: Uint8Array, offset: number): void {
  let n: number;
  try {
    n = readFully(file.fd, into, offset);
  } catch (error) {
    throw cannotBeRead(file, offset, error);
  }
  if (n < into.length) throw endsEarly(file, offset + n, offset + into.length);
}

const CURE = `Something else wrote to it, or the disk is failing: try another folder for temporary files (${OPTION.spoolDir})`;

function cannotBeRead({ name }: OwnFile, offset: number, error: unknown): DumpError {
  const what = `the temporary file cannot be read: ${describeSystemError(error)}`;
  return new DumpError("NOT_READABLE", what, { file: name, offset, cure: CURE, cause: error });
}

function endsEarly({ name }: OwnFile, end: number, wanted: number): DumpError {
  const what = `the temporary file ends at byte ${end}, but byte ${wanted} of it was written`;
  return new DumpError("NOT_READABLE", what, { file: name, cure: CURE });
}
