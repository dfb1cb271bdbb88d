import { Worker } from "node:worker_threads";
import { endThreads } from "../ending-threads.js";
import { DumpError, reviveDumpError } from "../errors.js";
import { foreignReason } from "../option-words.js";
import { threadScript } from "../program-files.js";
import { attachCache, type BlockCache, cacheMemory } from "./block-cache.js";
import { forgetMailboxes, watchMailboxes } from "./mailboxes.js";
import type { StoreAnswer, ThreadCalls } from "./store-thread.js";
import type { ObjectStore } from "./store-types.js";

/** The store thread, as the main thread uses it: the calls of a store and of the cache. */
export interface StoreThread extends ObjectStore, ThreadCalls {
  /** The shared memory of its cache. */
  readonly memory: SharedArrayBuffer;
  readonly cache: BlockCache;
}

const METHODS = [
  "head",
  "begin",
  "put",
  "remove",
  "list",
  "createUpload",
  "uploadPart",
  "listParts",
  "completeUpload",
  "abortUpload",
  "listUploads",
  "openObject",
  "openHttp",
  "closeObject",
  "sendPart",
  "follow",
  "collectGarbage",
] as const;

/** One thread serves all users of stores. */
let running: { readonly thread: RunningThread; users: number } | undefined;

/**
 * Opens the store that the environment names: AWS S3, or AWS_ENDPOINT_URL. Sends and loads nothing before the first
 * call. The thread lives until all users have closed the store; it keeps the process alive only during calls.
 */
export function openStore(): StoreThread {
  running ??= { thread: new RunningThread(), users: 0 };
  running.users++;
  const mine = running;
  let open = true;
  const { thread } = mine;
  const calls = Object.fromEntries(METHODS.map((name) => [name, (...args: unknown[]) => thread.call(name, args)]));
  return {
    ...(calls as unknown as Omit<StoreThread, "memory" | "cache" | "read" | "close">),
    memory: thread.memory,
    cache: thread.cache,
    async read(at, offset, into, etag) {
      if (into.buffer instanceof SharedArrayBuffer) {
        await thread.call("read", [at, offset, into, etag]);
        return;
      }
      const shared = new Uint8Array(new SharedArrayBuffer(into.length));
      await thread.call("read", [at, offset, shared, etag]);
      into.set(shared);
    },
    async close() {
      if (!open) return;
      open = false;
      if (--mine.users > 0) return;
      if (running === mine) running = undefined;
      await thread.end();
    },
  };
}

class RunningThread {
  readonly memory = cacheMemory();
  readonly cache = attachCache(this.memory);
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  #calls = 0;
  #failure: DumpError | undefined;

  constructor() {
    watchMailboxes(this.cache);
    const { script, eval: isText } = threadScript("store/store-thread.cjs", import.meta.url);
    this.#worker = new Worker(script, {
      eval: isText,
      workerData: { memory: this.memory },
      name: "store",
      // Received data are copied into the cache at once, so garbage that is collected late only takes memory.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      // The main program's Node options are not for this thread.
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on("message", (answer: StoreAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(foreignReason(error)));
    this.#worker.on("exit", () => this.#fail("it ended"));
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, method, args });
    });
  }

  async end(): Promise<void> {
    this.#failure ??= new DumpError("ABORTED", "the store was closed");
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
    forgetMailboxes(this.cache);
    await endThreads(() => this.#worker.terminate());
  }

  #settle(answer: StoreAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (waiting === undefined) return;
    if ("failure" in answer) waiting.reject(reviveDumpError(answer.failure));
    else if ("broken" in answer) waiting.reject(new Error(answer.broken));
    else waiting.resolve(answer.result);
  }

  #fail(why: string): void {
    this.#failure ??= new DumpError("WORKER_FAILED", `the thread that speaks with the store failed: ${why}`, {
      cure: "Try again; if it happens again, please report it with the command line",
    });
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
