import { DumpError } from "../errors.js";
import type { StoreThread } from "../store/open-store.js";
import type { ObjectLocation } from "../store/store-types.js";
import { storePath } from "../store/store-url.js";
import type { Staging } from "./staging.js";

/** Names the upload. It is the first object of a run, and goes before all others: who finds it gone leaves nothing behind. */
const UPLOAD = "upload.json";
/** There before the upload is begun: who finds it and no `UPLOAD` takes over from one who died in between. */
const BEGUN = "begun";

/** The staging objects of a run beside its output, and the output's unfinished upload. */
export interface ObjectStaging extends Staging {
  /** Begins the upload and names it here, unless there is one. */
  create(): Promise<void>;
  /** Throws `NOT_WRITABLE` if there is none (any more). */
  uploadId(): Promise<string>;
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
  const known = async (): Promise<string | undefined> => {
    const bytes = await read(UPLOAD);
    if (bytes === undefined) return undefined;
    try {
      const { uploadId } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { uploadId?: unknown };
      if (typeof uploadId === "string") return uploadId;
    } catch {
      // Said below.
    }
    throw new DumpError("CORRUPT", `its object ${UPLOAD} is not as it was written`, {
      file: name,
      cure: "Cancel the run and submit the dump again",
    });
  };
  /** An upload that somebody began for this run and could not note. Accounts that may not list uploads find none. */
  const unnoted = async (): Promise<string | undefined> => {
    if ((await store.head(at(BEGUN))) === undefined) return undefined;
    try {
      for (const { key, uploadId } of (await store.listUploads(output)).toReversed()) {
        if (key === output.key && (await store.listParts(output, uploadId))?.length === 0) return uploadId;
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
  const begin = async () => {
    await store.put(at(BEGUN), Buffer.from("{}"), { force: true });
    return store.createUpload(output);
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
      const uploadId = (await known().catch(() => undefined)) ?? (await unnoted());
      if (uploadId !== undefined) await store.abortUpload(output, uploadId);
      await store.remove(at(UPLOAD));
      for (const key of await store.list(prefix)) await store.remove({ bucket, key });
    },
    async create() {
      if ((await known()) !== undefined) return;
      const uploadId = (await unnoted()) ?? (await begin());
      try {
        await store.put(at(UPLOAD), Buffer.from(JSON.stringify({ uploadId })), { force: false });
      } catch (error) {
        // Another worker that plans the same run was faster.
        const noted = error instanceof DumpError && error.code === "OUTPUT_EXISTS";
        if (!noted || (await known()) !== uploadId) await store.abortUpload(output, uploadId);
        if (!noted) throw error;
      }
    },
    async uploadId() {
      const found = await known();
      if (found === undefined) throw isOver();
      return found;
    },
  };
}
