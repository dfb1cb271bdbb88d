import { randomUUID } from "node:crypto";
import { DumpError } from "../errors.js";
import { lostUploads } from "../store/lost-uploads.js";
import { BEGUN, isBegunWithin, UPLOAD } from "../store/named-uploads.js";
import type { StoreThread } from "../store/open-store.js";
import { objectPieces, readObject } from "../store/read-object.js";
import type { ObjectLocation, UnfinishedUpload } from "../store/store-types.js";
import { storePath } from "../store/store-url.js";
import { inOrder } from "../worker/pool.js";
import { AT_ONCE } from "./shard-done.js";
import { checkStagedSize, type Staging } from "./staging.js";

/** A plan's unfinished upload. */
export interface RunUpload {
  readonly uploadId: string;
  /**
   * Marks the object that this upload becomes, and no other: an ETag does not show who made an object, and is not a
   * digest in every store.
   */
  readonly mark: string;
  /** Whether further uploads may have been begun for it: an answer may have been lost, or a worker died. */
  readonly mayHaveLost?: boolean;
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

/**
 * Staging objects of an output that begin with `prefix`, which ends with a slash. `onUnlisted` is called when uploads
 * that may have been begun for it are not looked for, because the account may not list them.
 */
export function objectStaging(
  store: StoreThread,
  output: ObjectLocation,
  prefix: ObjectLocation,
  plan: string,
  onUnlisted: () => void = () => undefined,
): ObjectStaging {
  const { bucket } = output;
  const at = (name: string) => ({ bucket, key: prefix.key + name });
  const name = storePath(prefix);
  const read = (file: string) => readObject(store, at(file), (size) => checkStagedSize(size, storePath(at(file))));
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
    throw new DumpError("CORRUPT", `its object ${file} was changed after it was written`, {
      file: name,
      cure: "Retry the run, or submit the dump again: it starts again",
    });
  };
  const known = (): Promise<RunUpload | undefined> => texts(UPLOAD, "uploadId", "mark");
  const begun = () => texts(BEGUN, "mark");
  const lost = async (named?: RunUpload) => {
    const found = await lostOfPlan(store, output, prefix, named);
    if (found === undefined) onUnlisted();
    return found ?? [];
  };
  const begin = async (): Promise<RunUpload> => {
    // If several workers begin, the first one's mark counts: the run may continue with any of their uploads.
    const bytes = Buffer.from(JSON.stringify({ mark: randomUUID() }));
    const isFirst = await store.put(at(BEGUN), bytes, { force: false }).then(
      () => true,
      (error: unknown) => {
        if (!isThere(error)) throw error;
        return false;
      },
    );
    const { mark } = (await begun()) ?? {};
    if (mark === undefined) throw runIsOver(name);
    const { uploadId, unanswered } = await store.createUpload(output, mark);
    return { uploadId, mark, ...((unanswered > 0 || !isFirst) && { mayHaveLost: true }) };
  };
  const endUpload = async () => {
    const named = await known().catch(unlessDamaged);
    if (named !== undefined) await store.abortUpload(output, named.uploadId);
    for (const { uploadId } of await lostBeside(named, lost)) await store.abortUpload(output, uploadId);
    await store.remove(at(UPLOAD));
  };
  /** Whether the named upload exists: as an upload, or as the object made from it. */
  const isThereStill = async ({ uploadId, mark }: RunUpload) =>
    (await store.listParts(output, uploadId)) !== undefined || (await store.head(output))?.mark === mark;
  return {
    ...{ name, plan, read },
    pieces: (file) => objectPieces(store, at(file)),
    async write(file, bytes) {
      await store.put(at(file), bytes, { force: true });
      if ((await store.head(at(UPLOAD))) !== undefined) return;
      await store.remove(at(file));
      throw runIsOver(name);
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
      const upload = await begin();
      const { uploadId } = upload;
      try {
        await store.put(at(UPLOAD), Buffer.from(JSON.stringify(upload)), { force: false });
      } catch (error) {
        // Another worker that plans the same run was faster.
        const noted = isThere(error);
        const named = noted ? await known() : undefined;
        if (named?.uploadId !== uploadId) await store.abortUpload(output, uploadId);
        if (!noted) throw error;
        // By its ID, because a store's list may not show yet that it is named. If it is gone, the run is over.
        const others = named !== undefined && upload.mayHaveLost === true ? await lost(named) : [];
        for (const other of others) await store.abortUpload(output, other.uploadId);
      }
    },
    async upload() {
      const found = await known();
      if (found === undefined) throw runIsOver(name);
      return found;
    },
  };
}

/**
 * Uploads that workers began for a plan and nobody named, newest first: by the store's clock, between `BEGUN` and
 * `UPLOAD`.
 */
async function lostOfPlan(
  store: StoreThread,
  output: ObjectLocation,
  prefix: ObjectLocation,
  named: RunUpload | undefined,
): Promise<readonly UnfinishedUpload[] | undefined> {
  const select = async (uploads: readonly UnfinishedUpload[]) => {
    const others = uploads.filter(({ uploadId }) => uploadId !== named?.uploadId);
    if (others.length === 0) return [];
    const times = new Map((await store.list(prefix)).map(({ key, modified }) => [key, modified]));
    const from = times.get(prefix.key + BEGUN);
    const until = named && times.get(prefix.key + UPLOAD);
    return from === undefined ? [] : others.filter((one) => isBegunWithin(one, from, until));
  };
  return lostUploads(store, output, select, prefix);
}

/** What `lost` finds when a plan's upload ends: nothing where only the named one may have been begun. */
async function lostBeside(
  named: RunUpload | undefined,
  lost: (named?: RunUpload) => Promise<readonly UnfinishedUpload[]>,
): Promise<readonly UnfinishedUpload[]> {
  if (named === undefined) return lost();
  // The search for what may not even be there fails no run whose output is whole.
  return named.mayHaveLost === true ? lost(named).catch(() => []) : [];
}

function runIsOver(staging: string): DumpError {
  return new DumpError("NOT_WRITABLE", "its run is over, and its files were removed", {
    file: staging,
    cure: "Submit the dump again",
  });
}

function isThere(error: unknown): boolean {
  return error instanceof DumpError && error.code === "OUTPUT_EXISTS";
}

/** An object that was changed counts as missing. */
function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof DumpError && error.code === "CORRUPT")) throw error;
}
