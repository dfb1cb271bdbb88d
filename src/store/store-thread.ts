import { parentPort, workerData } from "node:worker_threads";
import { DumpError, type PlainDumpError, plainDumpError } from "../errors.js";
import { attachCache, type BlockCache } from "./block-cache.js";
import { Fetcher } from "./fetcher.js";
import { createClient, loadSdk } from "./s3-client.js";
import { isSame } from "./s3-digests.js";
import { S3Store } from "./s3-store.js";
import type { ObjectInfo, ObjectLocation, StoredPart } from "./store-types.js";

// The entry of the store thread: it alone loads the AWS SDK, and all bytes from and to stores go through it.

/** A call of one of `ThreadCalls`. */
export interface StoreRequest {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What became of it. Errors that are no DumpErrors are told as text. */
export type StoreAnswer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly failure: PlainDumpError }
  | { readonly broken: string }
);

/** What the thread does beside the methods of `ObjectStore`. */
export interface ThreadCalls {
  /** Takes an object in for reading through the cache; `undefined`: there is none. */
  openObject(at: ObjectLocation): Promise<(ObjectInfo & { readonly object: number }) | undefined>;
  /** Sends a part, unless the store has these very bytes as `known` already. */
  sendPart(
    at: ObjectLocation,
    uploadId: string,
    number: number,
    bytes: Uint8Array,
    known: StoredPart | undefined,
  ): Promise<{ readonly part: StoredPart; readonly sent: boolean }>;
  closeObject(object: number): Promise<void>;
  follow(object: number, ranges: Float64Array, anew: boolean): Promise<void>;
}

/** TypeScript's ES2023 does not know it yet; Node 16 does. */
type WaitAsync = (
  array: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };

const port = parentPort;
if (port === null) throw new Error("this is the file of a thread");
const cache = attachCache((workerData as { memory: SharedArrayBuffer }).memory);
const started = start();
// Whoever asks is told.
started.catch(() => undefined);
port.on("message", (request: StoreRequest) => void answer(request).then((message) => port.postMessage(message)));

async function start(): Promise<{ store: S3Store; fetcher: Fetcher }> {
  const sdk = await loadSdk();
  const store = new S3Store(sdk, await createClient(sdk));
  const fetcher = new Fetcher(cache, store);
  void listen(cache, fetcher);
  return { store, fetcher };
}

/** Does what is to do whenever a thread rings. */
async function listen({ control }: BlockCache, fetcher: Fetcher): Promise<void> {
  const waitAsync = (Atomics as unknown as { waitAsync: WaitAsync }).waitAsync;
  for (;;) {
    const rings = Atomics.load(control, 0);
    fetcher.pump();
    const wait = waitAsync(control, 0, rings);
    if (wait.async) await wait.value;
  }
}

async function answer({ id, method, args }: StoreRequest): Promise<StoreAnswer> {
  try {
    const { store, fetcher } = await started;
    const calls: ThreadCalls = {
      async openObject(at) {
        const info = await store.head(at);
        return info && { ...info, object: fetcher.open(at, info.size, info.etag) };
      },
      async sendPart(at, uploadId, number, bytes, known) {
        if (known !== undefined && isSame(known, bytes)) return { part: known, sent: false };
        return { part: await store.uploadPart(at, uploadId, number, bytes), sent: true };
      },
      async closeObject(object) {
        fetcher.close(object);
      },
      async follow(object, ranges, anew) {
        fetcher.follow(object, ranges, anew);
      },
    };
    const target = (method in calls ? calls : store) as unknown as Record<
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
