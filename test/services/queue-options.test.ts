/** What submitters and those who run workers may say: a key of their own, how long runs are remembered, whose outputs become, what is told to others. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import type { RunState } from "../../src/queue/submission.js";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, folder, hasRedis, isRoot, over, ready, share, start, submit, until } from "./support/queue.js";

const queue = folderQueue();
const DAY = 24 * 3600 * 1000;
const example = fileURLToPath(new URL("../../examples/on-done.mjs", import.meta.url));

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("a key names one run: the same again is known, another one is refused", async () => {
    const redis = queue.redis.url;
    const say = (...args: string[]) => coresieve(redis, "submit", input, ...args, "--key", "ticket 4711/a");
    const id = submit(redis, input, output, "-l", "--key", "ticket 4711/a");
    expect(say(output, "-l").stdout).toContain(`${id} (submitted before): waiting`);
    expect(JSON.parse(coresieve(redis, "jobs", "--json").stdout)).toMatchObject([{ id, key: "ticket 4711/a" }]);
    // It waits: nothing takes its place.
    for (const other of [
      [output, "-z"],
      [join(share, "other"), "-l"],
      [output, "-z", "--again"],
    ]) {
      expect(say(...other)).toMatchObject({ code: 2, stderr: expect.stringContaining("is that of another run") });
    }
    queue.work();
    expect(coresieve(redis, "jobs", "watch", "ticket 4711/a").stdout).toContain(`${id} done: `);
    expect(await over(redis, id)).toMatchObject({ state: "done" });
    queue.expectWhole(["-l"]);
    expect(say(output, "-l").stdout).toContain("(submitted before): done");
    // It is over: with --again another one may have the key, if it writes the same output.
    expect(say(output, "-z")).toMatchObject({ code: 2 });
    expect(say(join(share, "other"), "-l", "--again")).toMatchObject({ code: 2 });
    expect(say(output, "-z", "--again", "-f").code).toBe(0);
    expect(await over(redis, id)).toMatchObject({ state: "done" });
    queue.expectWhole(["-z"]);
    // A run without a key is another one. It is waited for: a worker that is stopped in its midst leaves its staging.
    const unnamed = submit(redis, input, output, "-z", "-f");
    expect(unnamed).not.toBe(id);
    expect(await over(redis, unnamed)).toMatchObject({ state: "done" });
  });

  test("the dump is touched: by its key it is the same run", () => {
    const redis = queue.redis.url;
    const { mtime, atime } = statSync(input);
    const id = submit(redis, input, output, "--key", "k");
    const unnamed = submit(redis, input, join(share, "second"), "-l");
    utimesSync(input, atime, new Date(mtime.getTime() + 1000));
    try {
      expect(coresieve(redis, "submit", input, output, "--key", "k").stdout).toContain(`${id} (submitted before)`);
      expect(coresieve(redis, "jobs", "cancel", "k").stdout).toContain(`${id}: is cancelled`);
      expect(submit(redis, input, output, "--key", "k")).toBe(id);
      expect(submit(redis, input, join(share, "third"), "-l")).not.toBe(unnamed);
    } finally {
      utimesSync(input, atime, mtime);
    }
  });

  test.skipIf(!isRoot)("owner and mode of outputs, of the queue and of steps (skipped unless root)", async () => {
    const by = ["--output-mode", "640", "--output-owner", "12345:12346"];
    queue.work({ args: by });
    expect(await over(queue.redis.url, submit(queue.redis.url, input, output, "-l"))).toMatchObject({ state: "done" });
    const access = () => {
      const { mode, uid, gid } = statSync(output);
      return { mode: mode & 0o7777, uid, gid };
    };
    expect(access()).toEqual({ mode: 0o640, uid: 12345, gid: 12346 });
    queue.expectWhole(["-l"]);
    rmSync(output);
    const staging = join(folder, "steps");
    const steps = (...args: string[]) => expect(coresieve("", ...args)).toMatchObject({ code: 0 });
    steps("plan", input, output, "-l", "--shards", "2", "--staging", staging);
    for (const index of ["0", "1"]) steps("shard", staging, index);
    steps("finish", staging, "--output-mode", "0604", "--output-owner", ":7");
    expect(access()).toEqual({ mode: 0o604, uid: 0, gid: 7 });
    queue.expectWhole(["-l"]);
  });

  test.each([
    ["--output-mode", "4755", /must be three octal digits/],
    ["--output-mode", "rw-", /must be three octal digits/],
    ["--output-owner", "root", /must be UID, UID:GID or :GID/],
    ["--output-owner", ":", /must be UID, UID:GID or :GID/],
    ["--output-owner", "4294967295", /must be UID, UID:GID or :GID/],
  ])("%s %s is refused", (option, value, message) => {
    expect(coresieve("", "worker", "--allow", share, option, value)).toMatchObject({
      ...{ code: 2, stderr: expect.stringMatching(message) },
    });
  });

  test("runs are remembered for as long as the worker says that ends them", async () => {
    const redis = queue.redis.url;
    const client = new Redis({ path: redis.replace("unix://", "") });
    const listed = () => (JSON.parse(coresieve(redis, "jobs", "--json").stdout) as RunState[]).map(({ id }) => id);
    const made = async (name: string, args: readonly string[]) => {
      const one = queue.work({ args });
      const id = submit(redis, input, join(share, name), "-l");
      await over(redis, id);
      rmSync(join(share, name));
      one.child.kill("SIGKILL");
      await one.ended;
      return id;
    };
    try {
      const first = await made("a", []);
      // As if that were two days ago.
      const [seconds] = await client.time();
      const aged = 1000 * Number(seconds) - 2 * DAY;
      expect(await client.zadd("{coresieve}:dumps:completed", "XX", "CH", aged, first)).toBe(1);
      const second = await made("b", []);
      expect(listed()).toEqual([second, first]);
      const third = await made("c", ["--keep-done", "1"]);
      expect(listed()).toEqual([third, second]);
    } finally {
      client.disconnect();
    }
  });

  test("what runs left is removed by one of the workers, when it is old enough", async () => {
    const redis = queue.redis.url;
    const left = (name: string, days: number) => {
      const staging = join(share, `${name}.coresieve-a000000000000000`, "0123456789abcdef");
      mkdirSync(staging, { recursive: true });
      writeFileSync(join(staging, "plan.json"), "{}");
      const at = new Date(Date.now() - days * DAY);
      for (const path of [join(staging, "plan.json"), staging, join(staging, "..")]) utimesSync(path, at, at);
    };
    left("old", 40);
    left("young", 20);
    const by = ["--clean-every", "24"];
    const one = queue.work({ args: by });
    await until(() => one.said().includes("old.coresieve-a000000000000000: was left by a run, removed"));
    const names = () => readdirSync(share).filter((name) => name !== "vmcore");
    expect(names()).toEqual(["young.coresieve-a000000000000000"]);
    // Today that is done.
    left("old", 40);
    const two = queue.work({ args: [...by, "--keep-failed", "10"] });
    await over(redis, submit(redis, input, output, "-l"));
    two.child.kill("SIGTERM");
    expect(await two.ended).toBe(0);
    expect(names().sort()).toEqual(["old.coresieve-a000000000000000", "out", "young.coresieve-a000000000000000"]);
    await queue.end();
    await queue.redis.clear();
    const three = queue.work({ args: [...by, "--keep-failed", "10"] });
    await until(() => three.said().match(/was left by a run/g)?.length === 2);
    expect(names()).toEqual(["out"]);
  });

  test("examples/on-done.mjs tells a URL of what is done and what has failed, also of what happened while it was away", async () => {
    const told: RunState[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (bytes) => {
        body += bytes;
      });
      request.on("end", () => {
        told.push(JSON.parse(body));
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    const redis = queue.redis.url;
    const remembered = join(folder, "last-event");
    const lastEvent = () => (existsSync(remembered) ? readFileSync(remembered, "utf8") : "");
    const begin = async () => {
      const run = start(process.execPath, [example, hook, remembered], { REDIS_URL: redis });
      await until(() => run.said().includes("waits for runs"));
      return run;
    };
    try {
      const first = await begin();
      await ready(queue.work());
      const done = submit(redis, input, output, "-l");
      const wrong = join(share, "wrong");
      writeFileSync(wrong, "this is no dump, and never was one\n".repeat(100));
      await until(() => lastEvent() !== "");
      const event = lastEvent();
      const failed = submit(redis, wrong, join(share, "none"));
      // What it does not remember is told again.
      await until(() => lastEvent() !== event);
      expect(told).toMatchObject([
        { id: done, state: "done", output },
        { id: failed, state: "failed", code: "NOT_A_DUMP", mayRetry: false },
      ]);
      first.child.kill("SIGKILL");
      await first.ended;
      rmSync(wrong);
      await over(redis, submit(redis, input, output, "-z", "-f"));
      await begin();
      await until(() => told.length === 3);
      expect(told[2]).toMatchObject({ state: "done", output });
    } finally {
      server.close();
    }
  });
});
