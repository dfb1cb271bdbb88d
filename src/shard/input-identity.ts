import { statSync } from "node:fs";
import { DumpError } from "../errors.js";
import { describeSystemError } from "../reader/byte-source.js";
import type { Dump } from "../reader/dump.js";
import { sourcesOf } from "../reader/input-changed.js";

/** By what an input file is known on every host: its length in bytes, and when it was last written, in milliseconds. */
export interface InputIdentity {
  readonly size: number;
  readonly mtimeMs: number;
}

/** What a file is known by. Throws `NOT_READABLE`. */
export function identityOf(path: string): InputIdentity {
  try {
    const { size, mtimeMs } = statSync(path);
    return { size, mtimeMs };
  } catch (error) {
    throw new DumpError("NOT_READABLE", `cannot be opened: ${describeSystemError(error)}`, {
      file: path,
      cure: "Check the name and your permission to read it",
      cause: error,
    });
  }
}

/** Throws `INPUT_CHANGED` if an opened dump's files are not those that were submitted. */
export function checkIdentity(dump: Dump, submitted: readonly InputIdentity[]): void {
  const sources = sourcesOf(dump.image);
  for (const [i, path] of dump.paths.entries()) {
    const known = submitted[i];
    const file = sources.find((source) => source.file.path === path)?.file;
    if (known === undefined || file === undefined) throw new Error(`${path} is no input of this run`);
    if (file.size === known.size && file.mtimeMs === known.mtimeMs) continue;
    const what = file.size === known.size ? "was written to" : `had ${known.size} bytes and has ${file.size} now`;
    throw new DumpError("INPUT_CHANGED", `is another file than the one that was submitted: it ${what}`, {
      file: path,
      cure: "Submit it again when it is whole",
    });
  }
}
