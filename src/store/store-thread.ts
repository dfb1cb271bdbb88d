import { parentPort, workerData } from "node:worker_threads";
import { DumpError, type PlainDumpError, plainDumpError } from "../errors.js";
import { speakAs } from "../option-words.js";
import { attachCache, type BlockCache } from "./block-cache.js";
import { collectGarbage } from "./collect-garbage.js";
import { Fetcher } from "./fetcher.js";
import { HttpFiles } from "./http-file.js";
import { S3Access } from "./s3-access.js";
import { isSame } from "./s3-digests.js";
import { sized } from "./s3-errors.js";
import { S3Store } from "./s3-store.js";
import type { HttpLocation, ObjectInfo, ObjectLocation, StoredPart } from "./store-types.js";
import { storePath } from "./store-url.js";
import { changed } from "./wait-async.js";

// The entry of the store thread: all transfers from and to stores are made here, and only this thread may load the AWS
// SDK.

/** A call of a method of `ObjectStore` or `ThreadCalls`. */
export interface StoreRequest {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The result of a call. Errors that are not DumpErrors are sent as text. */
export type StoreAnswer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly failure: PlainDumpError }
  | { readonly broken: string }
);

/** The thread's calls in addition to the methods of `ObjectStore`. */
export interface ThreadCalls {
  /** Opens an object for reading through the cache; `undefined` if there is none. */
  openObject(at: ObjectLocation): Promise<(ObjectInfo & { readonly object: number }) | undefined>;
  /** The same for a file of a web server. `object` is missing if the server does not support ranges for it. */
  openHttp(at: HttpLocation): Promise<(ObjectInfo & { readonly object: number | undefined }) | undefined>;
  /** Sends a part, unless the store has the same bytes already (`known`). */
  sendPart(
    at: ObjectLocation,
    uploadId: string,
    number: number,
    bytes: Uint8Array,
    known: StoredPart | undefined,
  ): Promise<{ readonly part: StoredPart; readonly sent: boolean }>;
  closeObject(object: number): Promise<void>;
  follow(object: number, ranges: Float64Array, anew: boolean): Promise<void>;
  /** Lets go of shared memory that other threads do not need any more, `bytes` of it. */
  collectGarbage(bytes: number): Promise<void>;
}

// The receiving thread chooses the option names in messages.
speakAs("both");
const port = parentPort;
if (port === null) throw new Error("this is the file of a thread");
const cache = attachCache((workerData as { memory: SharedArrayBuffer }).memory);
const fetcher = new Fetcher(cache);
const httpFiles = new HttpFiles();
const s3 = new S3Store(new S3Access());
void listen(cache, fetcher);
port.on("message", (request: StoreRequest) => void answer(request).then((message) => port.postMessage(message)));

/** Works whenever a thread rings. */
async function listen({ control }: BlockCache, fetcher: Fetcher): Promise<void> {
  for (;;) {
    const rings = Atomics.load(control, 0);
    fetcher.pump();
    await changed(control, 0, rings);
  }
}

async function answer({ id, method, args }: StoreRequest): Promise<StoreAnswer> {
  try {
    const calls: ThreadCalls = {
      async openObject(at) {
        const found = await s3.head(at);
        const info = found && sized(found, storePath(at));
        return info && { ...info, object: fetcher.open(s3, at, info.size, info.etag) };
      },
      async openHttp(at) {
        const info = await httpFiles.head(at);
        if (info === undefined || !info.ranges) return info && { ...info, object: undefined };
        return { ...info, object: fetcher.open(httpFiles, at, info.size, info.etag) };
      },
      async sendPart(at, uploadId, number, bytes, known) {
        if (known !== undefined && isSame(known, bytes)) return { part: known, sent: false };
        return { part: await s3.uploadPart(at, uploadId, number, bytes), sent: true };
      },
      async closeObject(object) {
        fetcher.close(object);
      },
      async follow(object, ranges, anew) {
        fetcher.follow(object, ranges, anew);
      },
      async collectGarbage(bytes) {
        collectGarbage(bytes);
      },
    };
    const target = (method in calls ? calls : s3) as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    const result = await target[method]?.(...args);
    return { id, result };
  } catch (error) {
    if (error instanceof DumpError) return { id, failure: plainDumpError(error) };
    return { id, broken: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
