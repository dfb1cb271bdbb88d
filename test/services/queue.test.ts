/** Runs through a real queue: every result is the bytes that one machine writes, or a failure that says what and where. */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import type { RunState } from "../../src/queue/submission.js";
import { folderQueue, input, output, SLOW } from "./support/folder-queue.js";
import {
  coresieve,
  coresieveLater,
  folder,
  hasRedis,
  over,
  ready,
  redisAway,
  redisServer,
  share,
  stateOf,
  stopped,
  submit,
  until,
} from "./support/queue.js";

const queue = folderQueue();
const { work, whole, expectWhole } = queue;

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("all codecs, ELF and --privacy, by three workers", async () => {
    for (let i = 0; i < 3; i++) work();
    for (const [options, shards] of [
      [["-d", "31"], 5],
      [["-c"], 2],
      [["-l", "-d", "1"], 8],
      [["-p"], 3],
      [["-z"], 4],
      [["-E"], 6],
      [["-l", "--privacy", "--privacy-extra", "registers,tty"], 3],
    ] as const) {
      const { code, said } = await coresieveLater(
        queue.redis.url,
        ...["submit", input, output, "--shards", `${shards}`, "--wait", ...options],
      );
      expect({ options, code, said }).toMatchObject({ options, code: 0, said: expect.stringContaining("done: ") });
      expectWhole(options);
      expect(readdirSync(share).sort()).toEqual(["out", "vmcore"]);
      rmSync(output);
    }
  });

  test("submitted twice it runs once; --again runs it again; progress is told", async () => {
    const first = submit(queue.redis.url, input, output, "-l", "-d", "3", "--shards", "2");
    expect(submit(queue.redis.url, input, output, "-l", "-d", "3")).toBe(first);
    const one = work();
    await over(queue.redis.url, first);
    expect(coresieve(queue.redis.url, "submit", input, output, "-l", "-d", "3").stdout).toContain(
      "(submitted before): done",
    );
    expect(one.said().match(/pages are kept/g)).toHaveLength(1);
    expect(await stateOf(queue.redis.url, first)).toMatchObject({
      progress: 1,
      shards: { all: 2, done: 2 },
      outputBytes: whole(["-l", "-d", "3"]).length,
    });
    expect(submit(queue.redis.url, input, output, "-l", "-d", "3", "--again")).toBe(first);
    // The output is there, and nobody said -f.
    const again = await over(queue.redis.url, first);
    expect(again).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/out: exists already.*\[OUTPUT_EXISTS\]/),
    });
  });

  test.each([
    ["while it plans", "before rename plan.json"],
    ["when the plan is made", "after rename plan.json"],
    ["when it begins to encode", "after open .coresieve-shard-"],
    ["while it waits for its place", "after rename shard-0001.size"],
    ["before it is in its place", "before rename shard-0000.edges"],
    ["when it is done and nobody knows", "after rename shard-0002.done"],
    ["while it finishes", "before link output.partial"],
    ["when the output is there and nobody knows", "after link output.partial"],
    ["while it cleans up", "before rmdir .coresieve-"],
  ])("a worker is killed %s: another takes over", async (_, killAt) => {
    const options = ["-p", "-d", "30"];
    const id = submit(queue.redis.url, input, output, ...options, "--shards", "3", "--again");
    const victim = work({ killAt, args: ["--concurrency", "2"] });
    expect(await victim.ended).toBe("SIGKILL");
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expectWhole(options);
  });

  test("Redis is restarted, and is gone for some seconds", async () => {
    const both = [work(), work()];
    await ready(...both);
    const id = submit(queue.redis.url, input, output, ...SLOW, "--shards", "6");
    await until(async () => !["waiting", "planning"].includes((await stateOf(queue.redis.url, id)).state));
    await queue.redis.stop("SIGKILL");
    await queue.redis.start();
    await setTimeout(500);
    await queue.redis.stop();
    await setTimeout(1000 * redisAway);
    await queue.redis.start();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(SLOW);
    expect(both.map(({ child }) => child.exitCode)).toEqual([null, null]);
  });

  test("cancelled in the middle: nothing is left, and it can be submitted again", async () => {
    const id = submit(queue.redis.url, input, output, ...SLOW, "--shards", "7", "--again");
    const stop = { CORESIEVE_TEST_SIGNAL: "SIGSTOP" };
    const one = work({ args: ["--concurrency", "2"], killAt: "after rename shard-0000.size", env: stop });
    await stopped(one.child);
    expect(coresieve(queue.redis.url, "jobs", "cancel", id.slice(0, 8))).toMatchObject({ code: 0, stderr: "" });
    one.child.kill("SIGCONT");
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("cancelled"),
    });
    expect(readdirSync(share)).toEqual(["vmcore"]);
    expect(one.child.exitCode).toBe(null);
    one.child.kill("SIGKILL");
    await one.ended;
    expect(submit(queue.redis.url, input, output, ...SLOW)).toBe(id);
    expect(await stateOf(queue.redis.url, id)).toMatchObject({ state: "waiting", reason: undefined });
  });

  test("cancelled before a worker took it: it is gone at once, and who waits for it is told", async () => {
    const waits = coresieveLater(queue.redis.url, "submit", input, output, "-l", "--wait", "--json");
    const listed = () => JSON.parse(coresieve(queue.redis.url, "jobs", "--json").stdout) as RunState[];
    await until(() => listed().length > 0);
    const id = listed()[0]?.id as string;
    expect(coresieve(queue.redis.url, "jobs", "cancel", id)).toMatchObject({
      code: 0,
      stdout: `${id}: is cancelled\n`,
    });
    expect(await waits).toMatchObject({ code: 1, said: expect.stringContaining("cancelled before a worker took it") });
    expect(coresieve(queue.redis.url, "jobs").stdout).toBe("no runs\n");
    expect(coresieve(queue.redis.url, "jobs", "cancel", id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`"${id}" was cancelled before a worker took it`),
    });
    // Nobody remembers the wish when it is submitted again.
    submit(queue.redis.url, input, output, "-l", "--shards", "2");
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
  });

  test("a worker that is stopped hands back what it has", async () => {
    const id = submit(queue.redis.url, input, output, ...SLOW, "--shards", "3", "--again");
    // In the middle of a shard.
    const first = work({ killAt: "after open .coresieve-shard-", env: { CORESIEVE_TEST_SIGNAL: "SIGTERM" } });
    expect(await first.ended).toBe(0);
    expect(first.said()).toMatch(/stops; 1 jobs in hand/);
    expect(first.said()).toContain("handed back");
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expectWhole(SLOW);
  });

  test("more shards wait than may: the last goes back, and all end", async () => {
    const options = ["-z", "-d", "29"];
    // Who has the first shard dies with it: all others are taken before it.
    const id = submit(queue.redis.url, input, output, ...options, "--shards", "5");
    const victim = work({ killAt: "after open .coresieve-shard-" });
    expect(await victim.ended).toBe("SIGKILL");
    // Until then it stays with who has died.
    const client = new Redis(queue.redis.url.slice("unix://".length));
    const lock = `{coresieve}:shards:${id}-0-0:lock`;
    await client.set(lock, "of the dead");
    const other = work({ args: ["--waiting", "1"] });
    await until(() => other.said().includes("handed back"));
    await client.del(lock);
    client.disconnect();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(options);
  });

  test("the input is replaced midway: a failure that says so, and nothing is left", async () => {
    const mine = join(folder, "mine");
    mkdirSync(mine);
    const dump = join(mine, "vmcore");
    copyFileSync(input, dump);
    const id = submit(queue.redis.url, dump, join(mine, "out"), "-l", "--shards", "3");
    const victim = work({ allow: mine, killAt: "after rename plan.json" });
    expect(await victim.ended).toBe("SIGKILL");
    copyFileSync(input, `${dump}.new`);
    renameSync(`${dump}.new`, dump);
    work({ allow: mine });
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/vmcore: is not the file that was submitted.*INPUT_CHANGED/),
    });
    expect(readdirSync(mine)).toEqual(["vmcore"]);
    rmSync(mine, { recursive: true });
  });

  test("shards that fail are named with host and reason; the others are kept, and retry makes the rest", async () => {
    const options = ["-l", "-d", "7"];
    const id = submit(queue.redis.url, input, output, ...options, "--shards", "3");
    const planner = work({ killAt: "after rename shard-0000.done" });
    expect(await planner.ended).toBe("SIGKILL");
    const broken = work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
    const failed = await over(queue.redis.url, id);
    expect(failed).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(
        /[12] of 3 shards failed: shard [23] of 3 on \S+: .*no-such-folder.*\[NOT_WRITABLE\].*coresieve jobs retry/,
      ),
    });
    broken.child.kill("SIGKILL");
    await broken.ended;
    const left = readdirSync(`${output}.coresieve-${id}`, { recursive: true }) as string[];
    expect(left.some((name) => name.endsWith("/shard-0000.done"))).toBe(true);
    expect(coresieve(queue.redis.url, "jobs", "retry", id)).toMatchObject({ code: 0, stderr: "" });
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(options);
  });

  test("a worker touches no folder but those it was allowed, whatever leads out of them", async () => {
    const other = join(folder, "other");
    const allowed = join(folder, "allowed");
    for (const one of [other, allowed]) mkdirSync(one);
    symlinkSync(share, join(allowed, "link"));
    work({ allow: allowed });
    const runs = [
      [input, join(allowed, "out"), /vmcore: is outside the folders that this worker may use/],
      [
        join(allowed, "link", "vmcore"),
        join(allowed, "out-2"),
        /vmcore: is outside the folders that this worker may use/,
      ],
      [input, join(other, "out"), /out: is outside the folders that this worker may use/],
    ] as const;
    // Each is tried three times, for another worker may be allowed it: all at once.
    const ids = runs.map(([dump, out]) => submit(queue.redis.url, dump, out));
    for (const [i, [, , what]] of runs.entries()) {
      expect(await over(queue.redis.url, ids[i] as string)).toMatchObject({
        state: "failed",
        reason: expect.stringMatching(what),
      });
    }
    expect([readdirSync(other), readdirSync(allowed)]).toEqual([[], ["link"]]);
  });

  test("a job that somebody else put there is refused by name", async () => {
    const client = new Redis(queue.redis.url.slice("unix://".length));
    const id = submit(queue.redis.url, input, output, "-l", "-d", "11");
    const data = JSON.parse((await client.hget(`{coresieve}:dumps:${id}`, "data")) as string);
    await client.hset(`{coresieve}:dumps:${id}`, "data", JSON.stringify({ ...data, level: 99, shell: "rm" }));
    // It hides no others.
    const other = submit(queue.redis.url, input, `${output}-2`, "-l", "-d", "13");
    const { code, stdout } = coresieve(queue.redis.url, "jobs");
    expect(code).toBe(1);
    expect(stdout).toContain(`${other} waiting: ${input} to ${output}-2\n`);
    expect(stdout).toContain(`${id} unreadable: job data: dump`);
    await client.del(`{coresieve}:dumps:${other}`);
    const one = work();
    await until(() => /job data: dump/.test(one.said()));
    expect(one.said()).toMatch(/job data: dump(\.level must be a number from 0 to 31| has an unknown member "shell")/);
    await client.flushall();
    client.disconnect();
  });

  test("a password is in no message, metric or job", async () => {
    const secret = "s3cret-of-the-test";
    const own = await redisServer(secret);
    const url = own.url.replace("unix://", `unix://:${secret}@localhost`);
    const port = 20000 + (process.pid % 10000);
    const one = work({ redis: url, args: ["--metrics", `${port}`] });
    const { code, said } = await coresieveLater(url, "submit", input, output, "-l", "--shards", "2", "--wait");
    expect({ code, said }).toMatchObject({ code: 0 });
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/^coresieve_worker_jobs_done_total 3$/m);
    expect(metrics).toMatch(/^bullmq_job_count\{queue="shards", state="completed"\} 2$/m);
    const client = new Redis(own.url.slice("unix://".length), { password: secret });
    let all = "";
    for (const key of await client.keys("*")) all += (await client.dump(key))?.toString() ?? "";
    client.disconnect();
    const wrong = coresieve(own.url.replace("unix://", "unix://:wrong-one@localhost"), "jobs");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("Redis") });
    const none = coresieve(own.url, "jobs");
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("it wants a password") });
    for (const text of [said, one.said(), metrics, all, wrong.stderr]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain("wrong-one");
    }
    await own.stop();
  });
});
