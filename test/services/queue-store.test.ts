/** The queue with a store: redis-server, and OpenStack Swift with its s3api. Every result is the bytes that one machine writes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { filterFile } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";
import {
  coresieve,
  folder,
  hasRedis,
  over,
  type RedisServer,
  redisServer,
  share,
  submit,
  until,
  worker,
} from "./support/queue.js";
import { startSwift, swiftPresent } from "./support/swift.js";

const BUCKET = "dumps";
const IN = `s3://${BUCKET}/in/vmcore`;
const OUT = `s3://${BUCKET}/out/small`;
const at = { bucket: BUCKET, key: "out/small" };
const file = join(folder, "vmcore");

describe.skipIf(!hasRedis || !swiftPresent)("with redis-server and Swift (skipped where one is not installed)", () => {
  let swift: Awaited<ReturnType<typeof startSwift>>;
  let redis: RedisServer;
  let store: StoreThread;
  let workers: ReturnType<typeof worker>[] = [];
  const work = (options: Partial<Parameters<typeof worker>[0]> = {}) => {
    const started = worker({ redis: redis.url, allow: `s3://${BUCKET}/`, ...options });
    workers.push(started);
    return started;
  };

  beforeAll(async () => {
    swift = await startSwift(BUCKET);
    redis = await redisServer();
    writeFileSync(file, sampleDump());
    store = openStore();
  });
  afterAll(async () => {
    await store?.close();
    await redis?.stop();
    await swift?.stop();
  });
  const putInput = (bytes: Buffer) =>
    swift.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/vmcore", Body: bytes }));

  afterEach(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all(workers.map(({ ended }) => ended));
    workers = [];
    await redis.clear();
    await store.remove(at);
    // Nothing may be left in the store, in no test.
    expect(await store.list({ bucket: BUCKET, key: "out/" })).toEqual([]);
    expect(await store.listUploads({ bucket: BUCKET, key: "" })).toEqual([]);
  });

  async function expectWhole(options: Parameters<typeof filterFile>[2]): Promise<void> {
    const whole = join(folder, "whole");
    await filterFile(file, whole, options);
    const found = await store.head(at);
    const bytes = Buffer.alloc(found?.size ?? 0);
    await store.read(at, 0, bytes, found?.etag ?? "");
    expect(bytes.equals(readFileSync(whole))).toBe(true);
  }

  test.each([
    ["kdump, 33 MB in 3 shards", ["-d", "0"], { level: 0 }],
    ["kdump, one request", ["-l"], { codec: "lzo" }],
    ["ELF", ["-E"], { format: "elf" }],
  ] as const)("%s, by two workers, one of which is killed", async (name, options, run) => {
    await putInput(sampleDump());
    const first = work();
    work();
    const id = submit(redis.url, IN, OUT, "--shards", "3", ...options);
    if (name.includes("33 MB")) {
      // It is taken over in the middle: parts are there, and the object is not.
      await until(async () => (await store.listUploads(at)).length > 0);
      first.child.kill("SIGKILL");
    }
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole(run);
  });

  test("the input is another object by then: a failure that says so", async () => {
    await putInput(sampleDump());
    const id = submit(redis.url, IN, OUT, "--shards", "2");
    const other = sampleDump();
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
    await putInput(other);
    work();
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/s3:\/\/dumps\/in\/vmcore: .*\[INPUT_CHANGED\]/),
    });
  });

  test("a worker touches nothing beside its prefix, and no secret is in its messages", async () => {
    await putInput(sampleDump());
    const { said } = work({ allow: `s3://${BUCKET}/i` });
    const id = submit(redis.url, IN, OUT, "--shards", "2");
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("may touch"),
    });
    expect(said()).not.toContain(process.env["AWS_SECRET_ACCESS_KEY"]);
  });

  test("cancelled in the middle: nothing is left; and a folder takes the output of an object", async () => {
    await putInput(sampleDump());
    const path = join(share, "out");
    work({ args: ["--allow", share] });
    const id = submit(redis.url, IN, OUT, "-d", "0", "-z", "--compression-level", "19", "--shards", "4");
    await until(async () => (await store.listUploads(at)).length > 0);
    expect(coresieve(redis.url, "jobs", "cancel", id).code).toBe(0);
    expect(await over(redis.url, id)).toMatchObject({ state: "failed" });
    await until(async () => (await store.list({ bucket: BUCKET, key: "out/" })).length === 0);
    const second = submit(redis.url, IN, path, "-l", "--shards", "2");
    expect(await over(redis.url, second)).toMatchObject({ state: "done" });
    const whole = join(folder, "whole");
    await filterFile(file, whole, { codec: "lzo" });
    expect(readFileSync(path).equals(readFileSync(whole))).toBe(true);
  });
});
