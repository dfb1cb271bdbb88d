import { randomUUID } from "node:crypto";
import { DumpError } from "../errors.js";
import type { StoreThread } from "../store/open-store.js";
import { sharedBytes } from "../store/shared-bytes.js";
import type { ObjectLocation } from "../store/store-types.js";
import { storePath } from "../store/store-url.js";
import { inOrder } from "../worker/pool.js";
import { AT_ONCE } from "./shard-done.js";
import { checkStagedSize, type Staging } from "./staging.js";

/**
 * Names the upload. It is the first object that a plan makes and the first that is removed: a worker that finds it gone
 * leaves nothing behind.
 */
export const UPLOAD = "upload.json";
/**
 * Made before the upload is begun: a worker that finds it without `UPLOAD` takes over from one that died in between. It
 * has the run's mark.
 */
const BEGUN = "begun.json";

/** A plan's unfinished upload. */
export interface RunUpload {
  readonly uploadId: string;
  /**
   * Marks the object that this upload becomes, and no other: an ETag does not show who made an object, and is not a
   * digest in every store.
   */
  readonly mark: string;
}

/** The staging objects of a plan next to its output, and its unfinished upload. */
export interface ObjectStaging extends Staging {
  /**
   * Begins the upload and names it here, unless there is one. An upload that is named but does not exist does not
   * count.
   */
  create(): Promise<void>;
  /** Only ends the upload. Not an error if there is none. Throws if the store does not say which one it is. */
  endUpload(): Promise<void>;
  /** Ends the upload and removes all objects. Not an error if there is nothing. */
  remove(): Promise<void>;
  /** Throws `NOT_WRITABLE` if there is none (any more). */
  upload(): Promise<RunUpload>;
}

/** The prefix of all staging objects of a run: `KEY.coresieve-ID/`. */
export function runPrefix(output: ObjectLocation, id: string): ObjectLocation {
  return { bucket: output.bucket, key: `${output.key}.coresieve-${id}/` };
}

/** Staging objects of an output that begin with `prefix`, which ends with a slash. */
export function objectStaging(
  store: StoreThread,
  output: ObjectLocation,
  prefix: ObjectLocation,
  plan: string,
): ObjectStaging {
  const { bucket } = output;
  const at = (name: string) => ({ bucket, key: prefix.key + name });
  const name = storePath(prefix);
  const read = async (file: string): Promise<Uint8Array | undefined> => {
    const found = await store.begin(at(file));
    if (found === undefined || found.bytes.length === found.size) return found?.bytes;
    checkStagedSize(found.size, storePath(at(file)));
    const bytes = sharedBytes(found.size);
    await store.read(at(file), 0, bytes, found.etag);
    return bytes;
  };
  /** Text members of a small JSON object of this program. */
  const texts = async <T extends string>(file: string, ...names: T[]): Promise<Record<T, string> | undefined> => {
    const bytes = await read(file);
    if (bytes === undefined) return undefined;
    try {
      const found = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Record<T, unknown>>;
      if (names.every((one) => typeof found[one] === "string")) return found as Record<T, string>;
    } catch {
      // Reported below.
    }
    throw new DumpError("CORRUPT", `its object ${file} is not as it was written`, {
      file: name,
      cure: "Retry the run, or submit the dump again: it starts again",
    });
  };
  const known = (): Promise<RunUpload | undefined> => texts(UPLOAD, "uploadId", "mark");
  const begun = () => texts(BEGUN, "mark");
  const unnoted = async () => {
    const found = await begun();
    return found && unnotedUpload(store, output, found.mark);
  };
  const isOver = () =>
    new DumpError("NOT_WRITABLE", "its run is over, and its files were removed", {
      file: name,
      cure: "Submit the dump again",
    });
  const begin = async (): Promise<RunUpload> => {
    // If several workers begin, the first one's mark counts: the run may continue with any of their uploads.
    const bytes = Buffer.from(JSON.stringify({ mark: randomUUID() }));
    await store.put(at(BEGUN), bytes, { force: false }).catch((error: unknown) => {
      if (!isThere(error)) throw error;
    });
    const { mark } = (await begun()) ?? {};
    if (mark === undefined) throw isOver();
    return { uploadId: await store.createUpload(output, mark), mark };
  };
  const endUpload = async () => {
    const upload = (await known().catch(unlessDamaged)) ?? (await unnoted().catch(unlessDamaged));
    if (upload !== undefined) await store.abortUpload(output, upload.uploadId);
    await store.remove(at(UPLOAD));
  };
  /** Whether the named upload exists: as an upload, or as the object made from it. */
  const isThereStill = async ({ uploadId, mark }: RunUpload) =>
    (await store.listParts(output, uploadId)) !== undefined || (await store.head(output))?.mark === mark;
  return {
    ...{ name, plan },
    read,
    async write(file, bytes) {
      await store.put(at(file), bytes, { force: true });
      if ((await store.head(at(UPLOAD))) !== undefined) return;
      await store.remove(at(file));
      throw isOver();
    },
    endUpload,
    async remove() {
      // If the store does not say which upload it is, nothing is removed: its name would be lost.
      await endUpload();
      const removed = inOrder(await store.list(prefix), ({ key }) => store.remove({ bucket, key }), AT_ONCE);
      for await (const _ of removed);
    },
    async create() {
      const before = await known().catch(unlessDamaged);
      if (before !== undefined && (await isThereStill(before))) return;
      // Its name leads nowhere, or the object was changed.
      await store.remove(at(UPLOAD));
      const upload = (await unnoted()) ?? (await begin());
      const { uploadId } = upload;
      try {
        await store.put(at(UPLOAD), Buffer.from(JSON.stringify(upload)), { force: false });
      } catch (error) {
        // Another worker that plans the same run was faster.
        const noted = isThere(error);
        if (!noted || (await known())?.uploadId !== uploadId) await store.abortUpload(output, uploadId);
        if (!noted) throw error;
      }
    },
    async upload() {
      const found = await known();
      if (found === undefined) throw isOver();
      return found;
    },
  };
}

/** An upload that a worker began for this run and could not record. Accounts that may not list uploads find none. */
async function unnotedUpload(store: StoreThread, output: ObjectLocation, mark: string): Promise<RunUpload | undefined> {
  try {
    const others = await notedUploads(store, output);
    for (const { key, uploadId } of (await store.listUploads(output)).toReversed()) {
      if (key !== output.key || others.has(uploadId)) continue;
      if ((await store.listParts(output, uploadId))?.length === 0) return { uploadId, mark };
    }
  } catch (error) {
    if (!(error instanceof DumpError && error.code === "NOT_WRITABLE")) throw error;
  }
  return undefined;
}

/** Uploads that any staging of the output names, of any run and plan: no other run may continue or end them. */
async function notedUploads(store: StoreThread, output: ObjectLocation): Promise<ReadonlySet<string>> {
  const noted = new Set<string>();
  const { bucket } = output;
  for (const { key } of await store.list({ bucket, key: `${output.key}.coresieve-` })) {
    if (!key.endsWith(`/${UPLOAD}`)) continue;
    const found = await store.begin({ bucket, key });
    if (found === undefined || found.size === 0 || found.size > MOST_NAME) continue;
    try {
      const { uploadId } = JSON.parse(Buffer.from(found.bytes).toString("utf8")) as Partial<RunUpload>;
      if (typeof uploadId === "string") noted.add(uploadId);
    } catch {
      // The object was changed, so it names no upload.
    }
  }
  return noted;
}

/** The most bytes of an object that names an upload: IDs of stores have some hundred characters. */
const MOST_NAME = 64 << 10;

function isThere(error: unknown): boolean {
  return error instanceof DumpError && error.code === "OUTPUT_EXISTS";
}

/** An object that was changed counts as missing. */
function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof DumpError && error.code === "CORRUPT")) throw error;
}
