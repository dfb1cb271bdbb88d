import { DumpError } from "../errors.js";
import { ownedUploads } from "./named-uploads.js";
import type { ObjectLocation, ObjectStore, UnfinishedUpload } from "./store-types.js";

/** What is said where `lostUploads` returns `undefined`. */
export const UPLOADS_UNKNOWN =
  "an upload may be left whose begin the store did not answer: unfinished uploads cannot be listed (s3:ListBucketMultipartUploads or s3:ListBucket is not permitted, or the store does not know the request)";

type Store = Pick<ObjectStore, "list" | "begin" | "listUploads" | "listParts">;

/**
 * Unfinished uploads of an object that this run began by requests whose answers were lost, newest first. `select` takes
 * those that may be its own from all of the object, by the times that the store lists. Stores list no marks, so of these
 * only uploads without any part count, and none that belongs to a staging (see `ownedUploads`, also for `own`). A single
 * run's upload without a part may be among them: that run begins another (see `ObjectUpload`). `undefined`: uploads
 * or objects cannot be listed.
 */
export async function lostUploads(
  store: Store,
  at: ObjectLocation,
  select: (uploads: readonly UnfinishedUpload[]) => readonly UnfinishedUpload[] | Promise<readonly UnfinishedUpload[]>,
  own?: ObjectLocation,
): Promise<readonly UnfinishedUpload[] | undefined> {
  try {
    const found = await select((await store.listUploads(at)).filter(({ key }) => key === at.key));
    if (found.length === 0) return [];
    // Looked for after the uploads, so that an upload that is begun and named meanwhile is not taken for a lost one.
    const isOwned = await ownedUploads(store, at, own);
    const lost: UnfinishedUpload[] = [];
    for (const upload of found.toReversed()) {
      if (!isOwned(upload) && (await store.listParts(at, upload.uploadId))?.length === 0) lost.push(upload);
    }
    return lost;
  } catch (error) {
    if (error instanceof DumpError && error.code === "NOT_WRITABLE") return undefined;
    throw error;
  }
}
