import { closeSync, openSync, unlinkSync } from "node:fs";
import { DumpError, systemErrorCode } from "../errors.js";

/*
 * File systems without links: a rename replaces what has the name, so only one run at a time may look whether a name is
 * free and then use it. The run that creates the file of `namingFile` may.
 */

/**
 * Creates that file, at this path. `name`: the output's; `shown`: that of the file, in messages. Throws `OUTPUT_EXISTS`,
 * system errors.
 */
export function takeTurn(path: string, name: string, shown: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
    throw beingNamed(name, shown);
  }
}

/** Removes it after a failure. Never throws: if it is still there, the next run says what to do with it. */
export function dropTurn(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // See above.
  }
}

/** The name of an empty file that is there while an output gets its name, on file systems without links. */
export function namingFile(final: string): string {
  const beginning = beginningOf(final);
  if (beginning === final) return `.${final}.naming.partial`;
  // Names that begin alike are those of different outputs. Few are so long: others need not load the module.
  const { createHash } = process.getBuiltinModule("node:crypto");
  return `.${beginning}.${createHash("sha256").update(final).digest("hex").slice(0, 16)}.naming.partial`;
}

/** The error of an output whose name another run is giving to its own. */
export function beingNamed(name: string, file: string): DumpError {
  return new DumpError("OUTPUT_EXISTS", `is being created by another run: ${file} is there`, {
    file: name,
    cure: "Name another file for the output; if no other run writes to it, remove that file",
  });
}

/** Bytes of an output's name that its temporary name contains: file systems allow 255 in all. */
const MOST_OF_NAME = 200;

/** The beginning of a name that fits into the temporary one. */
export function beginningOf(name: string): string {
  if (Buffer.byteLength(name) <= MOST_OF_NAME) return name;
  let beginning = "";
  for (const sign of name) {
    if (Buffer.byteLength(beginning) + Buffer.byteLength(sign) > MOST_OF_NAME) break;
    beginning += sign;
  }
  return beginning;
}
