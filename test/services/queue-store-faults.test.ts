/** The queue with a store, when workers die and the store fails: the bytes of a single run, or a failure that says why, and nothing is left. */
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { sampleDump } from "../support/sample.js";
import { coresieve, hasRedis, over, ready, redisAway, submit, until } from "./support/queue.js";
import type { StoreFault } from "./support/store-proxy.js";
import { IN, OUT, storeQueue } from "./support/store-queue.js";
import { swiftPresent } from "./support/swift.js";

/** 33 MB: parts 2 and 4 lie wholly in the first and the second of two shards. */
const PARTS = ["-d", "0", "--compress", "none", "--shards", "2"];

/** The store is away for good; requests are asked again once, and no longer. */
const AWAY: readonly StoreFault[] = ["GET", "HEAD", "PUT", "POST", "DELETE"].map((method) => {
  return { method, match: /./, times: Number.POSITIVE_INFINITY, what: 503 };
});
const IMPATIENT = { env: { CORESIEVE_S3_PATIENCE: "0" } };

describe.skipIf(!hasRedis || !swiftPresent)("with redis-server and Swift (skipped where one is not installed)", () => {
  const queue = storeQueue();
  const { work, put, left, expectNothingLeft, expectWhole } = queue;

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
        ["reset", "PUT", /out\/small$/],
        ["lost", "PUT", /out\/small$/],
      ],
      ["-l", "--shards", "1"],
      { codec: "lzo" },
    ],
  ] as const)("workers are killed %s, one after the other: the next goes on", async (_, points, options, run) => {
    const id = submit(queue.redis.url, IN, OUT, ...options);
    for (const [what, method, match] of points) {
      const { child, ended } = work();
      // Before the store was asked, or when it has done it.
      queue.proxy.faults = [{ method, match, times: 1, what, onMet: () => child.kill("SIGKILL") }];
      expect([match, await Promise.race([ended, over(queue.redis.url, id)])]).toEqual([match, "SIGKILL"]);
    }
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole(run);
  });

  test("Redis is gone for some seconds", async () => {
    // In the middle of the second shard, and both workers go on with what they have.
    const both = [work(), work()];
    await ready(...both);
    const here = new Promise<void>((onMet) => {
      queue.proxy.faults = [{ method: "PUT", match: /partNumber=4&/, times: 1, what: 503, onMet }];
    });
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    await here;
    await queue.redis.stop("SIGKILL");
    await setTimeout(1000 * redisAway);
    await queue.redis.start();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole({ level: 0 });
    expect(both.map(({ child }) => child.exitCode)).toEqual([null, null]);
  });

  test("two finish one output", async () => {
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    const first = work();
    const stopped = new Promise<void>((resolve) => {
      const onMet = () => {
        first.child.kill("SIGSTOP");
        resolve();
      };
      queue.proxy.faults = [{ method: "POST", match: /uploadId=/, times: 1, what: "reset", onMet }];
    });
    await stopped;
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    first.child.kill("SIGCONT");
    await until(() => first.said().includes(`${OUT} is there`));
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole({ level: 0 });
  });

  test("the store is slow, busy, cuts connections, loses answers: the bytes of a single run", async () => {
    queue.proxy.latency = 30;
    queue.proxy.faults = [
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
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    work({ args: ["--concurrency", "2"] });
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expect(queue.proxy.faults).toEqual([]);
    await expectWhole({ level: 0 });
  });

  test("the store refuses a shard that another one waits for: both are named, the run is over, and retry makes them", async () => {
    queue.proxy.faults = [{ method: "PUT", match: /shard-0000\.size/, times: Number.POSITIVE_INFINITY, what: 403 }];
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(
        /2 of 2 shards failed: shard 1 of 2 on \S+: .*\[NOT_WRITABLE\]; shard 2 of 2 on \S+: shard 1, which comes before it, failed\./,
      ),
    });
    queue.proxy.faults = [];
    expect(coresieve(queue.redis.url, "jobs", "retry", id)).toMatchObject({ code: 0, stderr: "" });
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole({ level: 0 });
  });

  test("the store is away for good while shards are made: a failure that says so; retry makes the rest when it is back", async () => {
    const onMet = () => {
      queue.proxy.faults = [...AWAY];
    };
    // The first shard is done, and nobody is told.
    queue.proxy.faults = [{ method: "PUT", match: /shard-0000\.done/, times: 1, what: "lost", onMet }];
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    work(IMPATIENT);
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(
        /the dump s3:\/\/dumps\/in\/vmcore on \S+: s3:\/\/dumps\/out\/small\.\S+: .*\[NOT_READABLE\]/,
      ),
    });
    queue.proxy.met = 0;
    // Were the first shard made again, its part would be sent again.
    queue.proxy.faults = [{ method: "PUT", match: /partNumber=2&/, times: 1, what: 503 }];
    expect(coresieve(queue.redis.url, "jobs", "retry", id)).toMatchObject({ code: 0, stderr: "" });
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expect(queue.proxy.met).toBe(0);
    await expectWhole({ level: 0 });
  });

  test("a run is cancelled while the store is away: when it is back, nothing is left", async () => {
    const away = new Promise<void>((resolve) => {
      const onMet = () => {
        // So slow that the worker looks around while it removes things.
        Object.assign(queue.proxy, { faults: [...AWAY], latency: 500 });
        resolve();
      };
      queue.proxy.faults = [{ method: "PUT", match: /partNumber=4&/, times: 1, what: 503, onMet }];
    });
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    const one = work(IMPATIENT);
    await away;
    expect(coresieve(queue.redis.url, "jobs", "cancel", id)).toMatchObject({ code: 0, stderr: "" });
    // The removal fails, and is tried again.
    await until(() => one.said().includes("the dump s3://dumps/in/vmcore on "));
    Object.assign(queue.proxy, { faults: [], latency: 0 });
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: "cancelled; nothing was left behind",
    });
    await expectNothingLeft();
  });

  test("a worker's disk is full, and the run is cancelled: nothing is left", async () => {
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    // A file of a larger size cannot be written: all that this worker has for its temporary files.
    work({ by: ["prlimit", "--fsize=1000000"] });
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/2 of 2 shards failed: shard 1 of 2 on \S+: .*cannot be written.*\[NO_SPACE\]/),
    });
    expect((await left()).uploads).toHaveLength(1);
    expect(coresieve(queue.redis.url, "jobs", "cancel", id).code).toBe(0);
    await expectNothingLeft();
  });

  test("the input is replaced midway: a failure that says so, and nothing is left", async () => {
    const id = submit(queue.redis.url, IN, OUT, ...PARTS);
    const first = work();
    const onMet = () => first.child.kill("SIGKILL");
    queue.proxy.faults = [{ method: "PUT", match: /plan\.json/, times: 1, what: "lost", onMet }];
    expect(await first.ended).toBe("SIGKILL");
    const other = sampleDump();
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
    await put(other);
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/s3:\/\/dumps\/in\/vmcore: .*\[INPUT_CHANGED\]/),
    });
    await expectNothingLeft();
  });
});
