import { randomUUID } from "node:crypto";
import { DumpError } from "../errors.js";
import type { StoreThread } from "../store/open-store.js";
import type { ObjectLocation } from "../store/store-types.js";
import { storePath } from "../store/store-url.js";
import { inOrder } from "../worker/pool.js";
import { AT_ONCE } from "./shard-done.js";
import type { Staging } from "./staging.js";

/** Names the upload. It is the first object of a run, and goes before all others: who finds it gone leaves nothing behind. */
const UPLOAD = "upload.json";
/** There before the upload is begun: who finds it and no `UPLOAD` takes over from one who died in between. It has the run's mark. */
const BEGUN = "begun.json";

/** A run's unfinished upload. */
export interface RunUpload {
  readonly uploadId: string;
  /** Of the object that comes of it, and of no other: an ETag does not tell who made an object, and is no digest in every store. */
  readonly mark: string;
}

/** The staging objects of a run beside its output, and the output's unfinished upload. */
export interface ObjectStaging extends Staging {
  /** Begins the upload and names it here, unless there is one. */
  create(): Promise<void>;
  /** Throws `NOT_WRITABLE` if there is none (any more). */
  upload(): Promise<RunUpload>;
}

/** Staging objects `KEY.coresieve-ID/NAME` of an output. */
export function objectStaging(store: StoreThread, output: ObjectLocation, id: string): ObjectStaging {
  const { bucket } = output;
  const prefix = { bucket, key: `${output.key}.coresieve-${id}/` };
  const at = (name: string) => ({ bucket, key: prefix.key + name });
  const name = storePath(prefix);
  const read = async (file: string): Promise<Uint8Array | undefined> => {
    const found = await store.head(at(file));
    if (found === undefined) return undefined;
    const bytes = new Uint8Array(new SharedArrayBuffer(found.size));
    if (found.size > 0) await store.read(at(file), 0, bytes, found.etag);
    // What parses or keeps it may not take shared memory.
    return bytes.slice();
  };
  /** Texts of a small object of ours. */
  const texts = async <T extends string>(file: string, ...names: T[]): Promise<Record<T, string> | undefined> => {
    const bytes = await read(file);
    if (bytes === undefined) return undefined;
    try {
      const found = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Record<T, unknown>>;
      if (names.every((one) => typeof found[one] === "string")) return found as Record<T, string>;
    } catch {
      // Said below.
    }
    throw new DumpError("CORRUPT", `its object ${file} is not as it was written`, {
      file: name,
      cure: "Cancel the run and submit the dump again",
    });
  };
  const known = (): Promise<RunUpload | undefined> => texts(UPLOAD, "uploadId", "mark");
  const begun = () => texts(BEGUN, "mark");
  /** An upload that somebody began for this run and could not note. Accounts that may not list uploads find none. */
  const unnoted = async (): Promise<RunUpload | undefined> => {
    const found = await begun();
    if (found === undefined) return undefined;
    try {
      for (const { key, uploadId } of (await store.listUploads(output)).toReversed()) {
        if (key === output.key && (await store.listParts(output, uploadId))?.length === 0) {
          return { uploadId, mark: found.mark };
        }
      }
    } catch (error) {
      if (!(error instanceof DumpError && error.code === "NOT_WRITABLE")) throw error;
    }
    return undefined;
  };
  const isOver = () =>
    new DumpError("NOT_WRITABLE", "its run is over: what it left was removed", {
      file: name,
      cure: "Submit the dump again",
    });
  const begin = async (): Promise<RunUpload> => {
    // The mark is the first one's where several begin: any of their uploads may be the one that is gone on with.
    const bytes = Buffer.from(JSON.stringify({ mark: randomUUID() }));
    await store.put(at(BEGUN), bytes, { force: false }).catch((error: unknown) => {
      if (!isThere(error)) throw error;
    });
    const { mark } = (await begun()) ?? {};
    if (mark === undefined) throw isOver();
    return { uploadId: await store.createUpload(output, mark), mark };
  };
  return {
    name,
    read,
    async write(file, bytes) {
      await store.put(at(file), bytes, { force: true });
      if ((await store.head(at(UPLOAD))) !== undefined) return;
      await store.remove(at(file));
      throw isOver();
    },
    async remove() {
      // Where the store does not say which upload it is, nothing is removed: its name would be lost.
      const upload = (await known().catch(unlessDamaged)) ?? (await unnoted().catch(unlessDamaged));
      if (upload !== undefined) await store.abortUpload(output, upload.uploadId);
      await store.remove(at(UPLOAD));
      const removed = inOrder(await store.list(prefix), (key) => store.remove({ bucket, key }), AT_ONCE);
      for await (const _ of removed);
    },
    async create() {
      if ((await known()) !== undefined) return;
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

function isThere(error: unknown): boolean {
  return error instanceof DumpError && error.code === "OUTPUT_EXISTS";
}

/** What is not as we wrote it says nothing. */
function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof DumpError && error.code === "CORRUPT")) throw error;
}
