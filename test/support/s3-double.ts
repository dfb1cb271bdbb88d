import { Worker } from "node:worker_threads";
import { endThreads } from "../../src/ending-threads.js";
import { setEnvironment } from "./environment.js";

/** What the double was asked. */
export interface LoggedRequest {
  readonly method: string;
  readonly name: string;
  readonly query: string;
  readonly range: string | undefined;
  /** Bytes of the request's body. */
  readonly bytes: number;
  readonly authorization: string | undefined;
  readonly host: string;
  /** The token of a session of a directory bucket. */
  readonly session?: string;
  /** Names of the headers about checksums and encodings. */
  readonly headers: readonly string[];
  /** What its body can be compared with. */
  readonly digest?: "md5" | "sha256";
  readonly status?: number;
  /** Bytes of the answer's body, of a GET. */
  readonly sent?: number;
}

/** A fault of the next `times` requests of a method whose name and query match, after `skip` others. */
export interface Fault {
  readonly method: string;
  readonly match?: string;
  readonly times?: number;
  readonly skip?: number;
  readonly kind: "status" | "reset" | "silent" | "cut" | "stall" | "replace" | "lost" | "objects";
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a double is like beside its contents. */
export interface DoubleSettings {
  /** Whether If-None-Match is kept, left unnoticed (and If-Match with it), or refused. */
  readonly conditions?: boolean | "refused";
  /** Milliseconds. */
  readonly latency?: number;
  /** Whether ETags of parts and objects of one request are MD5s. */
  readonly etags?: "md5" | "opaque";
  /** Whether CRC-32s are kept and told, or requests refused that have any. */
  readonly checksums?: "unknown" | "kept" | "refused";
  /** Whether parts must have an MD5, as AWS wants it where objects are locked. */
  readonly digests?: "any" | "md5";
  /** Milliseconds by which its clock is ahead. */
  readonly clock?: number;
  /** Bytes a second of each body. 0: no limit. */
  readonly rate?: number;
  /** Bytes a second that it takes of each request's body. 0: no limit. */
  readonly intake?: number;
}

/** An S3 store in memory, on a port of its own: names are `bucket/key`. */
export interface S3Double {
  readonly endpoint: string;
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** An object that is there again after each `reset`: for what all tests of a file read. */
  stock(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Buffer | undefined>;
  names(): Promise<readonly string[]>;
  uploads(): Promise<readonly { uploadId: string; name: string; parts: readonly number[] }[]>;
  log(): Promise<readonly LoggedRequest[]>;
  /** Forgets the log and faults that did not come. */
  clear(): Promise<void>;
  /** Forgets everything but the stock. */
  reset(): Promise<void>;
  fault(fault: Fault): Promise<void>;
  set(settings: DoubleSettings): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a double, and makes the environment name it; with `tls` it is asked at https://localhost. */
export async function startS3Double(tls?: { readonly key: string; readonly cert: string }): Promise<S3Double> {
  const worker = new Worker(new URL("./s3-double.mjs", import.meta.url), { workerData: { tls } });
  const waiting = new Map<number, (result: unknown) => void>();
  const port = await new Promise<number>((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (message: { port?: number; id?: number; result?: unknown }) => {
      if (message.port !== undefined) resolve(message.port);
      else waiting.get(message.id as number)?.(message.result);
    });
  });
  let ids = 0;
  const ask = <T>(what: string, more: object = {}): Promise<T> =>
    new Promise((resolve) => {
      const id = ++ids;
      waiting.set(id, resolve as (result: unknown) => void);
      worker.postMessage({ id, what, ...more });
    });
  const endpoint = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  useStore(endpoint, "double", "no-secret-at-all");
  return {
    endpoint,
    put: (name, bytes) => ask("put", { name, bytes }),
    stock: (name, bytes) => ask("stock", { name, bytes }),
    async get(name) {
      const bytes = await ask<Uint8Array | undefined>("get", { name });
      // A view: some are tens of megabytes.
      return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    names: () => ask("names"),
    uploads: () => ask("uploads"),
    log: () => ask("log"),
    clear: () => ask("clear"),
    reset: () => ask("reset"),
    fault: (fault) => ask("fault", { fault }),
    set: (settings) => ask("set", { settings }),
    async stop() {
      await endThreads(() => worker.terminate());
    },
  };
}

/** Makes the environment of this process, and of those it starts, name a store until the test file ends. */
export function useStore(endpoint: string, accessKeyId: string, secretAccessKey: string, region = "us-east-1"): void {
  setEnvironment({
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_EC2_METADATA_DISABLED: "true",
    CORESIEVE_S3_PATIENCE: "5",
  });
}
