import { DumpError, NOTHING_LEFT } from "../errors.js";
import { shownUrl } from "../shown-address.js";
import { parseHttpUrl } from "./http-url.js";
import { openStore, type StoreThread } from "./open-store.js";
import { type RemoteObject, setHandle } from "./remote-object.js";
import { sized } from "./s3-errors.js";
import type { ObjectInfo } from "./store-types.js";
import { parseStorePath } from "./store-url.js";

/**
 * Opens an object for reading at any place, through a cache of 32 MiB that all objects and threads share. `handleOf`
 * returns what only this thread can do with it. Throws what `ObjectStore.head` throws, and `NOT_READABLE` for an empty
 * or missing object.
 */
export async function openObject(path: string): Promise<RemoteObject> {
  const at = parseStorePath(path);
  const cure = "Check bucket and key, which are case-sensitive, AWS_REGION and AWS_ENDPOINT_URL";
  return (await open(path, (store) => store.openObject(at), cure)) as RemoteObject;
}

/**
 * Opens a file of a web server in the same way. `undefined` if the server does not support ranges, or sends nothing by
 * which a change can be noticed. The name of the opened file is its URL without the query, which may contain secrets.
 * Throws `NOT_READABLE`.
 */
export async function openHttp(url: string): Promise<RemoteObject | undefined> {
  parseHttpUrl(url);
  return open(shownUrl(url), (store) => store.openHttp({ url }), "Check the URL");
}

async function open(
  path: string,
  find: (store: StoreThread) => Promise<(ObjectInfo & { readonly object: number | undefined }) | undefined>,
  cure: string,
): Promise<RemoteObject | undefined> {
  const store = openStore();
  let info: Awaited<ReturnType<typeof find>>;
  try {
    info = await find(store);
    if (info === undefined) throw new DumpError("NOT_READABLE", "there is no such object", { file: path, cure });
    if (info.size === 0) {
      throw new DumpError("NOT_READABLE", "is empty", {
        file: path,
        cure: "Check that the dump was uploaded to the end",
      });
    }
  } catch (error) {
    await store.close();
    throw error;
  }
  const { object, size, etag } = info;
  if (object === undefined) {
    await store.close();
    return undefined;
  }
  const remote: RemoteObject = { path, size, etag, object, memory: store.memory };
  const { fetched, requests } = store.cache;
  setHandle(remote, {
    follow: (ranges, anew) => void store.follow(object, ranges, anew).catch(() => undefined),
    fetched: () => ({ bytes: fetched[object] as number, requests: requests[object] as number }),
    close() {
      void store.closeObject(object).then(
        () => store.close(),
        () => store.close(),
      );
    },
  });
  return remote;
}

/** Bytes per request when an object is read from its beginning to its end, and the number of simultaneous requests. */
const PIECE = 4 * 2 ** 20;
const IN_FLIGHT = 4;

/**
 * All bytes of an object in order, without the cache: for packed objects. Throws what `ObjectStore.read` throws, and
 * `ABORTED`.
 */
export async function* objectBytes(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const at = parseStorePath(path);
  const store = openStore();
  try {
    const found = await store.head(at);
    if (found === undefined) return;
    const info = sized(found, path);
    const pending: Promise<Uint8Array>[] = [];
    const fetch = async (offset: number) => {
      const into = new Uint8Array(new SharedArrayBuffer(Math.min(PIECE, info.size - offset)));
      await store.read(at, offset, into, info.etag);
      return into;
    };
    let next = 0;
    for (;;) {
      while (pending.length < IN_FLIGHT && next < info.size) {
        const piece = fetch(next);
        piece.catch(() => undefined);
        pending.push(piece);
        next += PIECE;
      }
      const piece = pending.shift();
      if (piece === undefined) return;
      if (signal?.aborted)
        throw new DumpError("ABORTED", "stopped while it was read", { file: path, left: NOTHING_LEFT });
      // Copied, because some decoders do not accept shared memory.
      yield (await piece).slice();
    }
  } finally {
    await store.close();
  }
}
