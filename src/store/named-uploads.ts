import type { ObjectLocation, ObjectStore } from "./store-types.js";

/** The object of a plan's staging that names its upload. */
export const UPLOAD = "upload.json";

/** The prefix of the staging objects of all runs that write this output: `KEY.coresieve-`. */
export function stagingsPrefix({ bucket, key }: ObjectLocation): ObjectLocation {
  return { bucket, key: `${key}.coresieve-` };
}

/** The most bytes of an object that names an upload: IDs of stores have some hundred characters. */
const MOST_NAME = 64 << 10;

/** Uploads that any staging of the output names, of any run and plan: no other run may continue or end them. */
export async function namedUploads(
  store: Pick<ObjectStore, "list" | "begin">,
  output: ObjectLocation,
): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  const { bucket } = output;
  for (const { key } of await store.list(stagingsPrefix(output))) {
    if (!key.endsWith(`/${UPLOAD}`)) continue;
    const found = await store.begin({ bucket, key });
    if (found === undefined || found.size === 0 || found.size > MOST_NAME) continue;
    try {
      const { uploadId } = JSON.parse(Buffer.from(found.bytes).toString("utf8")) as { readonly uploadId?: unknown };
      if (typeof uploadId === "string") named.add(uploadId);
    } catch {
      // The object was changed, so it names no upload.
    }
  }
  return named;
}
