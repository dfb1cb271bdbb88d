/** The queue with a store: redis-server, and OpenStack Swift with its s3api. Every result is the bytes that one machine writes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filterFile } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";
import { coresieve, folder, hasRedis, over, share, submit, until } from "./support/queue.js";
import { at, BUCKET, file, IN, OUT, storeQueue } from "./support/store-queue.js";
import { swiftPresent } from "./support/swift.js";

describe.skipIf(!hasRedis || !swiftPresent)("with redis-server and Swift (skipped where one is not installed)", () => {
  const queue = storeQueue();
  const { work, put, expectNothingLeft, expectWhole } = queue;

  test.each([
    ["kdump, 33 MB in 3 shards", ["-d", "0", "--compress", "none"], { level: 0 }],
    ["kdump, one request", ["-l"], { codec: "lzo" }],
    ["ELF", ["-E"], { format: "elf" }],
  ] as const)("%s, by two workers, one of which is killed", async (name, options, run) => {
    const first = work();
    work();
    if (name.includes("33 MB")) {
      // It is taken over in the middle: parts are there, and the object is not.
      const onMet = () => first.child.kill("SIGKILL");
      queue.proxy.faults = [{ method: "PUT", match: /partNumber=/, times: 1, what: "lost", onMet }];
    }
    const id = submit(queue.redis.url, IN, OUT, "--shards", "3", ...options);
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expect(queue.proxy.faults).toEqual([]);
    await expectWhole(run);
  });

  test.each([
    // Two parts are there, and one of them is of a shard that is not made again.
    ["ELF, when a shard was done", ["-d", "0", "-E"], { level: 0, format: "elf" }, /shard-0000\.done/],
    ["kdump, when the plan was made", ["-l"], { codec: "lzo" }, /plan\.json/],
    ["kdump, while it finished", ["-l"], { codec: "lzo" }, /out\/small$/],
  ] as const)("%s, Redis forgot the run: another number of shards", async (_, options, run, match) => {
    const first = work();
    const onMet = () => first.child.kill("SIGKILL");
    queue.proxy.faults = [{ method: "PUT", match, times: 1, what: "lost", onMet }];
    submit(queue.redis.url, IN, OUT, "--shards", "3", ...options);
    expect(await first.ended).toBe("SIGKILL");
    await queue.redis.clear();
    const id = submit(queue.redis.url, IN, OUT, "--shards", "2", ...options);
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    await expectWhole(run);
  });

  test("the input is another object by then: a failure that says so", async () => {
    const id = submit(queue.redis.url, IN, OUT, "--shards", "2");
    const other = sampleDump();
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
    await put(other);
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/s3:\/\/dumps\/in\/vmcore: .*\[INPUT_CHANGED\]/),
    });
  });

  test("a worker touches nothing beside its prefix, and no secret is in its messages", async () => {
    const { said } = work({ allow: `s3://${BUCKET}/i` });
    const id = submit(queue.redis.url, IN, OUT, "--shards", "2");
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("that this worker may use"),
    });
    expect(said()).not.toContain(process.env["AWS_SECRET_ACCESS_KEY"]);
  });

  test("cancelled in the middle: nothing is left; and a folder takes the output of an object", async () => {
    const path = join(share, "out");
    work({ args: ["--allow", share] });
    const id = submit(queue.redis.url, IN, OUT, "-d", "0", "-z", "--compression-level", "19", "--shards", "4");
    await until(async () => (await queue.store.listUploads(at)).length > 0);
    expect(coresieve(queue.redis.url, "jobs", "cancel", id).code).toBe(0);
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "failed" });
    await expectNothingLeft();
    const second = submit(queue.redis.url, IN, path, "-l", "--shards", "2");
    expect(await over(queue.redis.url, second)).toMatchObject({ state: "done" });
    const whole = join(folder, "whole");
    await filterFile(file, whole, { codec: "lzo" });
    expect(readFileSync(path).equals(readFileSync(whole))).toBe(true);
  });
});
