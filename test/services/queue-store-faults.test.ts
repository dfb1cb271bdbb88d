/** The queue with a store, when workers die and the store fails: the bytes of a single run, or a failure that says why, and nothing is left. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { filterFile } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";
import {
  coresieve,
  folder,
  hasRedis,
  over,
  type RedisServer,
  redisAway,
  redisServer,
  submit,
  until,
  worker,
} from "./support/queue.js";
import { type StoreProxy, startStoreProxy } from "./support/store-proxy.js";
import { startSwift, swiftPresent } from "./support/swift.js";

const BUCKET = "dumps";
const IN = `s3://${BUCKET}/in/vmcore`;
const OUT = `s3://${BUCKET}/out/small`;
const at = { bucket: BUCKET, key: "out/small" };
const file = join(folder, "vmcore");
/** 33 MB: parts 2 and 4 lie wholly in the first and the second of two shards. */
const PARTS = ["-d", "0", "--shards", "2"];

describe.skipIf(!hasRedis || !swiftPresent)("with redis-server and Swift (skipped where one is not installed)", () => {
  let swift: Awaited<ReturnType<typeof startSwift>>;
  let redis: RedisServer;
  let store: StoreThread;
  let proxy: StoreProxy;
  let workers: ReturnType<typeof worker>[] = [];
  const work = (options: Partial<Parameters<typeof worker>[0]> = {}) => {
    const env = { AWS_ENDPOINT_URL: proxy.endpoint, ...options.env };
    const started = worker({ redis: redis.url, allow: `s3://${BUCKET}/`, ...options, env });
    workers.push(started);
    return started;
  };
  const put = (bytes: Buffer) =>
    swift.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/vmcore", Body: bytes }));

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
    await end();
    Object.assign(proxy, { faults: [], latency: 0, met: 0 });
    await redis.clear();
    await store.remove(at);
    expect(await left()).toEqual({ objects: [], uploads: [] });
  });

  async function end(): Promise<void> {
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all(workers.map(({ ended }) => ended));
    workers = [];
  }

  /** What there is in the store beside input and output. */
  async function left() {
    const objects = (await store.list({ bucket: BUCKET, key: "out/" })).filter((key) => key !== at.key);
    return { objects, uploads: await store.listUploads({ bucket: BUCKET, key: "" }) };
  }

  async function expectWhole(options: Parameters<typeof filterFile>[2]): Promise<void> {
    const whole = join(folder, "whole");
    await filterFile(file, whole, options);
    const found = await store.head(at);
    const bytes = Buffer.alloc(found?.size ?? 0);
    await store.read(at, 0, bytes, found?.etag ?? "");
    expect(bytes.equals(readFileSync(whole))).toBe(true);
    expect(await left()).toEqual({ objects: [], uploads: [] });
  }

  test.each([
    [
      "while it plans and encodes",
      [
        ["lost", "POST", /uploads/],
        ["reset", "PUT", /plan\.json/],
        ["lost", "PUT", /plan\.json/],
        ["lost", "PUT", /shard-0000\.size/],
        ["lost", "PUT", /partNumber=2&/],
        // One of the two shards may be farther than the other.
        ["reset", "PUT", /shard-000\d\.edges/],
        ["lost", "PUT", /shard-000\d\.done/],
      ],
      PARTS,
      { level: 0 },
    ],
    [
      "while it finishes",
      [
        ["reset", "PUT", /partNumber=1&/],
        ["reset", "POST", /uploadId=/],
        ["lost", "POST", /uploadId=/],
        ["lost", "DELETE", /upload\.json/],
      ],
      [...PARTS, "-E"],
      { level: 0, format: "elf" },
    ],
    [
      "while it makes an object of one request",
      [
        ["reset", "PUT", /out\/small\?/],
        ["lost", "PUT", /out\/small\?/],
      ],
      ["-l", "--shards", "1"],
      { codec: "lzo" },
    ],
  ] as const)("workers are killed %s, one after the other: the next goes on", async (_, points, options, run) => {
    const id = submit(redis.url, IN, OUT, ...options);
    for (const [what, method, match] of points) {
      const { child, ended } = work();
      // Before the store was asked, or when it has done it.
      proxy.faults = [{ method, match, times: 1, what, onMet: () => child.kill("SIGKILL") }];
      expect([match, await Promise.race([ended, over(redis.url, id)])]).toEqual([match, "SIGKILL"]);
    }
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole(run);
  });

  test("Redis is gone for some seconds", async () => {
    // In the middle of the second shard, and both workers go on with what they have.
    const id = submit(redis.url, IN, OUT, ...PARTS);
    const both = [work(), work()];
    const here = new Promise<void>((onMet) => {
      proxy.faults = [{ method: "PUT", match: /partNumber=4&/, times: 1, what: 503, onMet }];
    });
    await here;
    await redis.stop("SIGKILL");
    await setTimeout(1000 * redisAway);
    await redis.start();
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole({ level: 0 });
    expect(both.map(({ child }) => child.exitCode)).toEqual([null, null]);
  });

  test("two finish one output", async () => {
    const id = submit(redis.url, IN, OUT, ...PARTS);
    const first = work();
    const stopped = new Promise<void>((resolve) => {
      const onMet = () => {
        first.child.kill("SIGSTOP");
        resolve();
      };
      proxy.faults = [{ method: "POST", match: /uploadId=/, times: 1, what: "reset", onMet }];
    });
    await stopped;
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    first.child.kill("SIGCONT");
    await until(() => first.said().includes(`${OUT} is there`));
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole({ level: 0 });
  });

  test("the store is slow, busy, cuts connections, loses answers: the bytes of a single run", async () => {
    proxy.latency = 30;
    proxy.faults = [
      { method: "HEAD", match: /in\/vmcore/, times: 1, what: 503 },
      { method: "GET", match: /in\/vmcore/, times: 3, what: "cut" },
      { method: "PUT", match: /plan\.json/, times: 2, what: 503 },
      { method: "POST", match: /uploads/, times: 1, what: "reset" },
      { method: "PUT", match: /shard-0000\.size/, times: 1, what: "lost" },
      { method: "PUT", match: /partNumber=2&/, times: 2, what: "reset" },
      { method: "PUT", match: /partNumber=4&/, times: 1, what: 500 },
      { method: "GET", match: /shard-0001\.records/, times: 2, what: "cut" },
      { method: "POST", match: /uploadId=/, times: 1, what: "lost" },
      { method: "DELETE", match: /upload\.json/, times: 1, what: "lost" },
    ];
    const id = submit(redis.url, IN, OUT, ...PARTS);
    work({ args: ["--concurrency", "2"] });
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expect(proxy.faults).toEqual([]);
    await expectWhole({ level: 0 });
  });

  test("the store refuses: the failure names shard and reason; retry makes the rest when it does not", async () => {
    proxy.faults = [{ method: "PUT", match: /partNumber=4&/, times: Number.POSITIVE_INFINITY, what: 403 }];
    const id = submit(redis.url, IN, OUT, ...PARTS);
    work();
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(
        /1 of 2 shards failed: shard 2 of 2 on \S+: s3:\/\/dumps\/out\/small: .*\[NOT_WRITABLE\].*coresieve jobs retry/,
      ),
    });
    proxy.faults = [];
    proxy.met = 0;
    // Were the first shard made again, its part would be sent again.
    proxy.faults = [{ method: "PUT", match: /partNumber=2&/, times: 1, what: 503 }];
    expect(coresieve(redis.url, "jobs", "retry", id)).toMatchObject({ code: 0, stderr: "" });
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expect(proxy.met).toBe(0);
    await expectWhole({ level: 0 });
  });

  test("a worker's disk is full, and the run is cancelled: nothing is left", async () => {
    const id = submit(redis.url, IN, OUT, ...PARTS);
    // A file of a larger size cannot be written: all that this worker has for its temporary files.
    work({ by: ["prlimit", "--fsize=1000000"] });
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/2 of 2 shards failed: shard 1 of 2 on \S+: .*cannot be written.*\[NO_SPACE\]/),
    });
    expect((await left()).uploads).toHaveLength(1);
    expect(coresieve(redis.url, "jobs", "cancel", id).code).toBe(0);
    await until(async () => (await left()).objects.length === 0);
  });

  test("the input is replaced midway: a failure that says so, and nothing is left", async () => {
    const id = submit(redis.url, IN, OUT, ...PARTS);
    const first = work();
    const onMet = () => first.child.kill("SIGKILL");
    proxy.faults = [{ method: "PUT", match: /plan\.json/, times: 1, what: "lost", onMet }];
    expect(await first.ended).toBe("SIGKILL");
    const other = sampleDump();
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
    await put(other);
    work();
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/s3:\/\/dumps\/in\/vmcore: .*\[INPUT_CHANGED\]/),
    });
    expect(await left()).toEqual({ objects: [], uploads: [] });
  });
});
