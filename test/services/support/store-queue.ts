/** A queue whose dumps lie in a store: redis-server, Swift, a proxy between it and the workers, and what must hold after each test. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { openStore, type StoreThread } from "../../../src/store/open-store.js";
import { filterFile } from "../../support/filter.js";
import { sampleDump } from "../../support/sample.js";
import { folder, type RedisServer, redisServer, type WorkerOptions, worker } from "./queue.js";
import { type StoreProxy, startStoreProxy } from "./store-proxy.js";
import { startSwift } from "./swift.js";

export const BUCKET = "dumps";
export const IN = `s3://${BUCKET}/in/vmcore`;
export const OUT = `s3://${BUCKET}/out/small`;
/** Where `OUT` is. */
export const at = { bucket: BUCKET, key: "out/small" };
/** What is put into the store as `IN` before each test. */
export const file = join(folder, "vmcore");

/** Sets it up for a describe block. What it gives is there when the tests begin. */
export function storeQueue() {
  let swift: Awaited<ReturnType<typeof startSwift>>;
  let redis: RedisServer;
  let store: StoreThread;
  let proxy: StoreProxy;
  let workers: ReturnType<typeof worker>[] = [];

  const put = (bytes: Buffer) =>
    swift.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/vmcore", Body: bytes }));
  const left = async () => {
    const objects = (await store.list({ bucket: BUCKET, key: "out/" }))
      .map(({ key }) => key)
      .filter((key) => key !== at.key);
    return { objects, uploads: await store.listUploads({ bucket: BUCKET, key: "" }) };
  };
  // A worker that was taken for dead may find its run over just now, and remove what it wrote.
  const expectNothingLeft = () => expect.poll(left, { timeout: 20_000 }).toEqual({ objects: [], uploads: [] });

  beforeAll(async () => {
    swift = await startSwift(BUCKET);
    redis = await redisServer();
    writeFileSync(file, sampleDump());
    store = openStore();
    proxy = await startStoreProxy(process.env["AWS_ENDPOINT_URL"] as string);
  });
  afterAll(async () => {
    proxy?.stop();
    await store?.close();
    await redis?.stop();
    await swift?.stop();
  });
  beforeEach(() => put(sampleDump()));
  afterEach(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all(workers.map(({ ended }) => ended));
    workers = [];
    Object.assign(proxy, { faults: [], latency: 0, met: 0 });
    await redis.clear();
    await store.remove(at);
    // Nothing may be left in the store, in no test.
    await expectNothingLeft();
  });

  return {
    get redis() {
      return redis;
    },
    get store() {
      return store;
    },
    get proxy() {
      return proxy;
    },
    /** Starts a worker, which asks the store through the proxy and ends with the test. */
    work(options: Partial<WorkerOptions> = {}) {
      const env = { AWS_ENDPOINT_URL: proxy.endpoint, ...options.env };
      const started = worker({ redis: redis.url, allow: `s3://${BUCKET}/`, ...options, env });
      workers.push(started);
      return started;
    },
    /** Puts another input there. */
    put,
    /** What there is in the store beside input and output. */
    left,
    expectNothingLeft,
    /** The output is the bytes that one machine writes, and nothing else is there. */
    async expectWhole(options: Parameters<typeof filterFile>[2]): Promise<void> {
      const whole = join(folder, "whole");
      await filterFile(file, whole, options);
      const found = await store.head(at);
      const bytes = Buffer.alloc(found?.size ?? 0);
      await store.read(at, 0, bytes, found?.etag ?? "");
      expect(bytes.equals(readFileSync(whole))).toBe(true);
      await expectNothingLeft();
    },
  };
}
