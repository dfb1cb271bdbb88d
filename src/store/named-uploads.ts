import { DumpError } from "../errors.js";
import { patienceOf } from "./retry.js";
import type { ObjectLocation, ObjectStore, UnfinishedUpload } from "./store-types.js";

/**
 * The object of a plan's staging that is made before its upload is begun, with the run's mark: a worker that finds it
 * without `UPLOAD` begins an upload with the same mark.
 */
export const BEGUN = "begun.json";
/** The object of a plan's staging that names its upload. */
export const UPLOAD = "upload.json";

/** The prefix of the staging objects of all runs that write this output: `KEY.coresieve-`. */
export function stagingsPrefix({ bucket, key }: ObjectLocation): ObjectLocation {
  return { bucket, key: `${key}.coresieve-` };
}

/** The most bytes of an object that names an upload: IDs of stores have some hundred characters. */
const MOST_NAME = 64 << 10;
/** Milliseconds by which times of one store may differ: it lists them in seconds, and by its nodes' clocks (5 s were seen). */
const SKEW = 6000;
/** Milliseconds that a request may take that is sent at the end of the patience: the last pause, and the limits of an answer. */
const LONGEST_REQUEST = 120_000;

/** Whether an upload may have been begun for a plan, by the times of its `BEGUN` and of its `UPLOAD`, if there is one. */
export function isBegunWithin({ initiated = 0 }: UnfinishedUpload, begun: number, named: number | undefined): boolean {
  const until = named ?? begun + patienceOf() + LONGEST_REQUEST;
  return initiated >= begun - SKEW && initiated <= until + SKEW;
}

/**
 * Which uploads belong to stagings of the output, of any run and plan, or may belong to one that is just beginning its
 * upload: no other run may continue or end them. `own`: the prefix of a plan that does not count while it names none.
 * Only uploads that were listed before are judged rightly: a plan makes `BEGUN` first. If the store lists a name and
 * does not let this account read it, it may be that of any upload, so all count as owned.
 */
export async function ownedUploads(
  store: Pick<ObjectStore, "list" | "begin">,
  output: ObjectLocation,
  own?: ObjectLocation,
): Promise<(upload: UnfinishedUpload) => boolean> {
  const named = new Set<string>();
  const { bucket } = output;
  const objects = await store.list(stagingsPrefix(output));
  const beginning = new Map<string, number>();
  for (const { key, modified } of objects) {
    if (key.endsWith(`/${BEGUN}`)) beginning.set(key.slice(0, -BEGUN.length), modified ?? Date.now());
  }
  if (own !== undefined) beginning.delete(own.key);
  for (const { key } of objects) {
    if (!key.endsWith(`/${UPLOAD}`)) continue;
    beginning.delete(key.slice(0, -UPLOAD.length));
    const found = await store.begin({ bucket, key }).catch(unlessUnreadable);
    if (found === UNREADABLE) return () => true;
    if (found === undefined || found.size === 0 || found.size > MOST_NAME) continue;
    try {
      const { uploadId } = JSON.parse(Buffer.from(found.bytes).toString("utf8")) as { readonly uploadId?: unknown };
      if (typeof uploadId === "string") named.add(uploadId);
    } catch {
      // The object was changed, so it names no upload.
    }
  }
  return (upload) =>
    named.has(upload.uploadId) || [...beginning.values()].some((begun) => isBegunWithin(upload, begun, undefined));
}

const UNREADABLE = "unreadable";

function unlessUnreadable(error: unknown): typeof UNREADABLE {
  if (error instanceof DumpError && error.code === "NOT_READABLE") return UNREADABLE;
  throw error;
}
