import { DumpError } from "../errors.js";
import type { ObjectLocation } from "./store-types.js";

const SCHEME = "s3://";

/** Whether a path names an object of a store. */
export function isStorePath(path: string): boolean {
  return path.startsWith(SCHEME);
}

/** The path of an object, as users write it. */
export function storePath({ bucket, key }: ObjectLocation): string {
  return `${SCHEME}${bucket}/${key}`;
}

/**
 * Parses `s3://bucket/key`. The key is used unchanged: nothing in it is decoded. With `prefix` it may be empty, or end
 * with a slash. Throws `BAD_OPTION`.
 */
export function parseStorePath(path: string, prefix = false): ObjectLocation {
  const [bucket = "", ...rest] = path.slice(SCHEME.length).split("/");
  const key = rest.join("/");
  // Bucket names have 3 to 63 characters; other rules are the store's. Longer names are ARNs of access points.
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
