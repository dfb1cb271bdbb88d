/** Runs through a real queue: every result is the bytes that one machine writes, or a failure that says what and where. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findRun, type RunState, runState } from "../../src/queue/jobs.js";
import { openQueues } from "../../src/queue/queues.js";
import { realDump } from "../support/dumps.js";
import {
  coresieve,
  coresieveLater,
  folder,
  hasRedis,
  over,
  type RedisServer,
  redisAway,
  redisServer,
  share,
  stateOf,
  stopped,
  submit,
  until,
  worker,
} from "./support/queue.js";

const input = join(share, "vmcore");
const output = join(share, "out");
/** Takes some seconds of one thread, so that there is time to disturb it. */
const SLOW = ["-d", "0", "-z", "--compression-level", "19"];

let redis: RedisServer;
let workers: ReturnType<typeof worker>[] = [];
const work = (options: Partial<Parameters<typeof worker>[0]> = {}) => {
  const started = worker({ redis: redis.url, ...options });
  workers.push(started);
  return started;
};

beforeAll(async () => {
  if (!hasRedis) return;
  redis = await redisServer();
  copyFileSync((await realDump("tiny-x86-6.1")).vmcore, input);
});

afterEach(async () => {
  for (const { child } of workers) child.kill("SIGKILL");
  await Promise.all(workers.map(({ ended }) => ended));
  workers = [];
  await redis?.clear();
  rmSync(output, { force: true });
  const left = readdirSync(share).filter((name) => name !== "vmcore");
  for (const name of left) rmSync(join(share, name), { recursive: true });
  // Nothing may be left in the shared folder, in no test.
  expect(left).toEqual([]);
});

/** The bytes that one machine writes. */
const known = new Map<string, Buffer>();
function whole(options: readonly string[]): Buffer {
  const key = options.join(" ");
  const before = known.get(key);
  if (before !== undefined) return before;
  const path = join(folder, "whole");
  expect(coresieve(redis.url, input, path, "-f", "-q", ...options)).toMatchObject({ code: 0, stderr: "" });
  const bytes = readFileSync(path);
  known.set(key, bytes);
  return bytes;
}

function expectWhole(options: readonly string[]): void {
  expect(readFileSync(output).equals(whole(options))).toBe(true);
}

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test.each([
    ["none", ["-d", "31"], 5],
    ["zlib", ["-c"], 2],
    ["lzo", ["-l", "-d", "1"], 8],
    ["snappy", ["-p"], 3],
    ["zstd", ["-z"], 4],
    ["ELF", ["-E"], 6],
    ["private", ["-l", "--privacy", "--privacy-extra", "registers,tty"], 3],
  ])("%s, by three workers", async (_, options, shards) => {
    for (let i = 0; i < 3; i++) work();
    const { code, said } = await coresieveLater(
      redis.url,
      ...["submit", input, output, "--shards", `${shards}`, "--wait", ...options],
    );
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining("done: ") });
    expectWhole(options);
  });

  test("submitted twice it runs once; --again runs it again; progress is told", async () => {
    const first = submit(redis.url, input, output, "-l", "-d", "3", "--shards", "2");
    expect(submit(redis.url, input, output, "-l", "-d", "3")).toBe(first);
    const one = work();
    await over(redis.url, first);
    expect(coresieve(redis.url, "submit", input, output, "-l", "-d", "3").stdout).toContain("(submitted before): done");
    expect(one.said().match(/pages are kept/g)).toHaveLength(1);
    expect(await stateOf(redis.url, first)).toMatchObject({
      progress: 1,
      shards: { all: 2, done: 2 },
      outputBytes: whole(["-l", "-d", "3"]).length,
    });
    expect(submit(redis.url, input, output, "-l", "-d", "3", "--again")).toBe(first);
    // The output is there, and nobody said -f.
    const again = await over(redis.url, first);
    expect(again).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/out: is there already.*\[OUTPUT_EXISTS\]/),
    });
  });

  test("a job that was read before its run was over has its reason and result all the same", async () => {
    const queues = await openQueues(redis.url);
    onTestFinished(() => queues.close());
    const id = submit(redis.url, input, output, "-l", "-d", "3", "--shards", "1");
    const waiting = await findRun(queues, id);
    work();
    await over(redis.url, id);
    expect(await runState(queues, waiting)).toMatchObject({
      state: "done",
      outputBytes: whole(["-l", "-d", "3"]).length,
    });
    submit(redis.url, input, output, "-l", "-d", "3", "--again");
    const again = await findRun(queues, id);
    await over(redis.url, id);
    expect(await runState(queues, again)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("is there already"),
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
    ["while it cleans up", "before rm .coresieve-"],
  ])("a worker is killed %s: another takes over", async (_, killAt) => {
    const options = ["-p", "-d", "30"];
    const id = submit(redis.url, input, output, ...options, "--shards", "3", "--again");
    const victim = work({ killAt, args: ["--concurrency", "2"] });
    expect(await victim.ended).toBe("SIGKILL");
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expectWhole(options);
  });

  test("Redis is restarted, and is gone for some seconds", async () => {
    const id = submit(redis.url, input, output, ...SLOW, "--shards", "6");
    const both = [work(), work()];
    await until(async () => (await stateOf(redis.url, id)).state === "shards");
    await redis.stop("SIGKILL");
    await redis.start();
    await setTimeout(500);
    await redis.stop();
    await setTimeout(1000 * redisAway);
    await redis.start();
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(SLOW);
    expect(both.map(({ child }) => child.exitCode)).toEqual([null, null]);
  });

  test("cancelled in the middle: nothing is left, and it can be submitted again", async () => {
    const id = submit(redis.url, input, output, ...SLOW, "--shards", "7", "--again");
    const stop = { CORESIEVE_TEST_SIGNAL: "SIGSTOP" };
    const one = work({ args: ["--concurrency", "2"], killAt: "after rename shard-0000.size", env: stop });
    await stopped(one.child);
    expect(coresieve(redis.url, "jobs", "cancel", id.slice(0, 8))).toMatchObject({ code: 0, stderr: "" });
    one.child.kill("SIGCONT");
    expect(await over(redis.url, id)).toMatchObject({ state: "failed", reason: expect.stringContaining("cancelled") });
    expect(readdirSync(share)).toEqual(["vmcore"]);
    expect(one.child.exitCode).toBe(null);
    one.child.kill("SIGKILL");
    await one.ended;
    expect(submit(redis.url, input, output, ...SLOW)).toBe(id);
    expect(await stateOf(redis.url, id)).toMatchObject({ state: "waiting", reason: undefined });
  });

  test("cancelled before a worker took it: it is gone at once, and who waits for it is told", async () => {
    const waits = coresieveLater(redis.url, "submit", input, output, "-l", "--wait", "--json");
    const listed = () => JSON.parse(coresieve(redis.url, "jobs", "--json").stdout) as RunState[];
    await until(() => listed().length > 0);
    const id = listed()[0]?.id as string;
    expect(coresieve(redis.url, "jobs", "cancel", id)).toMatchObject({ code: 0, stdout: `${id}: is cancelled\n` });
    expect(await waits).toMatchObject({ code: 1, said: expect.stringContaining("cancelled before a worker took it") });
    expect(coresieve(redis.url, "jobs").stdout).toBe("no runs\n");
    expect(coresieve(redis.url, "jobs", "cancel", id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`"${id}" was cancelled before a worker took it`),
    });
    // Nobody remembers the wish when it is submitted again.
    submit(redis.url, input, output, "-l", "--shards", "2");
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
  });

  test("a worker that is stopped hands back what it has", async () => {
    const id = submit(redis.url, input, output, ...SLOW, "--shards", "3", "--again");
    // In the middle of a shard.
    const first = work({ killAt: "after open .coresieve-shard-", env: { CORESIEVE_TEST_SIGNAL: "SIGTERM" } });
    expect(await first.ended).toBe(0);
    expect(first.said()).toMatch(/stops; 1 jobs in hand/);
    expect(first.said()).toContain("handed back");
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done", reason: undefined });
    expectWhole(SLOW);
  });

  test("more shards wait than may: the last goes back, and all end", async () => {
    const options = ["-z", "-d", "29"];
    // Who has the first shard dies with it: all others are taken before it.
    const id = submit(redis.url, input, output, ...options, "--shards", "5");
    const victim = work({ killAt: "after open .coresieve-shard-" });
    expect(await victim.ended).toBe("SIGKILL");
    const other = work({ args: ["--waiting", "1"] });
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    expect(other.said()).toContain("handed back");
    expectWhole(options);
  });

  test("the input is replaced midway: a failure that says so, and nothing is left", async () => {
    const mine = join(folder, "mine");
    mkdirSync(mine);
    const dump = join(mine, "vmcore");
    copyFileSync(input, dump);
    const id = submit(redis.url, dump, join(mine, "out"), "-l", "--shards", "3");
    const victim = work({ allow: mine, killAt: "after rename plan.json" });
    expect(await victim.ended).toBe("SIGKILL");
    copyFileSync(input, `${dump}.new`);
    renameSync(`${dump}.new`, dump);
    work({ allow: mine });
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/vmcore: is another file than the one that was submitted.*INPUT_CHANGED/),
    });
    expect(readdirSync(mine)).toEqual(["vmcore"]);
    rmSync(mine, { recursive: true });
  });

  test("shards that fail are named with host and reason; the others are kept, and retry makes the rest", async () => {
    const options = ["-l", "-d", "7"];
    const id = submit(redis.url, input, output, ...options, "--shards", "3");
    const planner = work({ killAt: "after rename shard-0000.done" });
    expect(await planner.ended).toBe("SIGKILL");
    const broken = work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
    const failed = await over(redis.url, id);
    expect(failed).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(
        /2 of 3 shards failed: shard 2 of 3 on \S+: .*no-such-folder.*\[NOT_WRITABLE\].*coresieve jobs retry/,
      ),
    });
    broken.child.kill("SIGKILL");
    await broken.ended;
    expect(existsSync(join(`${output}.coresieve-${id}`, "shard-0000.done"))).toBe(true);
    expect(coresieve(redis.url, "jobs", "retry", id)).toMatchObject({ code: 0, stderr: "" });
    work();
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(options);
  });

  test("a failed run that is cancelled leaves nothing", async () => {
    const id = submit(redis.url, input, output, "-l", "-d", "5", "--shards", "2");
    work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
    expect(await over(redis.url, id)).toMatchObject({ state: "failed" });
    expect(existsSync(`${output}.coresieve-${id}`)).toBe(true);
    for (const { child, ended } of workers) {
      child.kill("SIGKILL");
      await ended;
    }
    for (let i = 0; i < 2; i++) expect(coresieve(redis.url, "jobs", "cancel", id).code).toBe(0);
    expect(coresieve(redis.url, "jobs").stdout).toMatch(/ cancelled: .*; the next worker that is free ends it\n/);
    work();
    await until(() => !existsSync(`${output}.coresieve-${id}`));
  });

  test("a worker touches no folder but those it was allowed, whatever leads out of them", async () => {
    const other = join(folder, "other");
    const allowed = join(folder, "allowed");
    for (const one of [other, allowed]) mkdirSync(one);
    symlinkSync(share, join(allowed, "link"));
    work({ allow: allowed });
    for (const [dump, out, what] of [
      [input, join(allowed, "out"), /vmcore: lies in no folder that this worker may touch/],
      [join(allowed, "link", "vmcore"), join(allowed, "out"), /vmcore: lies in no folder that this worker may touch/],
      [input, join(other, "out"), /out: lies in no folder that this worker may touch/],
    ] as const) {
      expect(await over(redis.url, submit(redis.url, dump, out))).toMatchObject({
        state: "failed",
        reason: expect.stringMatching(what),
      });
    }
    expect([readdirSync(other), readdirSync(allowed)]).toEqual([[], ["link"]]);
  });

  test("a job that somebody else put there is refused by name", async () => {
    const client = new Redis(redis.url.slice("unix://".length));
    const id = submit(redis.url, input, output, "-l", "-d", "11");
    const data = JSON.parse((await client.hget(`coresieve:dumps:${id}`, "data")) as string);
    await client.hset(`coresieve:dumps:${id}`, "data", JSON.stringify({ ...data, level: 99, shell: "rm" }));
    // It hides no others.
    const other = submit(redis.url, input, output, "-l", "-d", "13");
    const { code, stdout, stderr } = coresieve(redis.url, "jobs");
    expect([code, stdout]).toEqual([1, `${other} waiting: ${input} to ${output}\n`]);
    expect(stderr).toContain(`${id}: job data: dump.`);
    await client.del(`coresieve:dumps:${other}`);
    const one = work();
    await until(() => /job data: dump/.test(one.said()));
    expect(one.said()).toMatch(/job data: dump\.(level is no number from 0 to 31|shell is no known field)/);
    await client.flushall();
    client.disconnect();
  });

  test("a password is in no message, metric or job", async () => {
    const secret = "s3cret-of-the-test";
    const own = await redisServer(secret);
    const url = own.url.replace("unix://", `unix://:${secret}@localhost`);
    const port = 20000 + (process.pid % 10000);
    const one = worker({ redis: url, args: ["--metrics", `${port}`] });
    workers.push(one);
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
