import { statSync } from "node:fs";
import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import { addressedFiles } from "../reader/raw/addressed-files.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { sourcesOf } from "../reader/source/input-changed.js";
import { sized } from "../store/s3-errors.js";
import { parseStorePath } from "../store/store-url.js";
import type { DumpRequest } from "./run-request.js";

/**
 * Identifies an input on every host: by its length in bytes and its modification time in milliseconds; an object by its
 * ETag instead.
 */
export interface InputIdentity {
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string | undefined;
}

/** The identity of a file. Throws `NOT_READABLE`. */
export function identityOf(path: string): InputIdentity {
  try {
    const { size, mtimeMs } = statSync(path);
    return { size, mtimeMs, etag: undefined };
  } catch (error) {
    throw new DumpError("NOT_READABLE", `cannot be opened: ${describeSystemError(error)}`, {
      file: path,
      cure: "Check the name and your permission to read it",
      cause: error,
    });
  }
}

/** The identity of an object of a store. Throws `NOT_READABLE`. */
export async function objectIdentity(path: string): Promise<InputIdentity> {
  const { openStore } = await import("../store/open-store.js");
  const at = parseStorePath(path);
  const store = openStore();
  try {
    const found = await store.head(at);
    if (found !== undefined) return { size: sized(found, path).size, mtimeMs: 0, etag: found.etag };
  } finally {
    await store.close();
  }
  throw new DumpError("NOT_READABLE", "there is no such object", {
    file: path,
    cure: "Check bucket and key, which are case-sensitive, AWS_REGION and AWS_ENDPOINT_URL",
  });
}

/**
 * Throws `INPUT_CHANGED` if an opened dump's files are not those that were submitted, and `BAD_OPTION` if a memory file
 * was found next to a state file, because it was not known when the run was submitted.
 */
export function checkIdentity(dump: Dump, { inputs, identity }: Pick<DumpRequest, "inputs" | "identity">): void {
  const sources = sourcesOf(dump.image);
  const named = addressedFiles(inputs)?.paths ?? inputs;
  for (const path of dump.paths) {
    // A reader has the files of a set in its own order.
    const known = identity[named.indexOf(path)];
    const source = sources.find((one) => one.file.path === path);
    const file = source?.file;
    if (known === undefined || file === undefined) {
      throw new DumpError("BAD_OPTION", `has its memory in another file, ${path}, which was not named`, {
        file: named[0],
        cure: "Name both files, the state and its memory: each host has to find the same",
      });
    }
    if (file.size === known.size && file.mtimeMs === known.mtimeMs && source?.remote?.etag === known.etag) continue;
    const what = file.size === known.size ? "was written to" : `had ${known.size} bytes and has ${file.size} now`;
    throw new DumpError("INPUT_CHANGED", `is not the file that was submitted: it ${what}`, {
      file: path,
      cure: "Submit it again when it is whole",
    });
  }
}
