import { DumpError } from "../errors.js";
import type { ObjectLocation } from "./store-types.js";

const SCHEME = "s3://";

/** Whether a path names an object of a store. */
export function isStorePath(path: string): boolean {
  return path.startsWith(SCHEME);
}

/** The path of an object, as people write it. */
export function storePath({ bucket, key }: ObjectLocation): string {
  return `${SCHEME}${bucket}/${key}`;
}

/**
 * What `s3://bucket/key` names. The key is taken as it stands: nothing in it is decoded. With `prefix` it may be empty, or end with a
 * slash. Throws `BAD_OPTION`.
 */
export function parseStorePath(path: string, prefix = false): ObjectLocation {
  const [bucket = "", ...rest] = path.slice(SCHEME.length).split("/");
  const key = rest.join("/");
  // Names are 3 to 63 characters; what else a store may forbid it says itself. Longer ones are access points' ARNs.
  const problem = !isStorePath(path)
    ? "does not begin with s3://"
    : !/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(bucket)
      ? "names no bucket"
      : Buffer.byteLength(key) > 1024
        ? "has a key of more than 1024 bytes, the most that S3 takes"
        : !prefix && (key === "" || key.endsWith("/"))
          ? "names a bucket or a folder, not an object"
          : undefined;
  if (problem === undefined) return { bucket, key };
  throw new DumpError("BAD_OPTION", problem, { file: path, cure: "Write s3://bucket/key" });
}
