/** Moments between two steps of the queue: a run is removed to be made again, a worker that was taken for dead goes on, a job is known from before. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Job } from "bullmq";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { holdLock } from "../../src/queue/hold-lock.js";
import { dumpJob } from "../../src/queue/job-data.js";
import { cancelRun, findRun, laterState, runState } from "../../src/queue/jobs.js";
import { againKey, openQueues, type Queues } from "../../src/queue/queues.js";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, folder, hasRedis, over, share, stopped, submit, until } from "./support/queue.js";

const queue = folderQueue();
const { work, whole, expectWhole } = queue;
let queues: Queues;
beforeAll(async () => {
  if (!hasRedis) return;
  queues = await openQueues(queue.redis.url);
  return () => queues.close();
});

const STOP = { CORESIEVE_TEST_SIGNAL: "SIGSTOP" };

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("a job that was read before its run was over has its reason and result all the same", async () => {
    const id = submit(queue.redis.url, input, output, "-l", "-d", "3", "--shards", "1");
    const waiting = await findRun(queues, id);
    work();
    await over(queue.redis.url, id);
    expect(await runState(queues, waiting)).toMatchObject({
      state: "done",
      outputBytes: whole(["-l", "-d", "3"]).length,
    });
    submit(queue.redis.url, input, output, "-l", "-d", "3", "--again");
    const again = await findRun(queues, id);
    await over(queue.redis.url, id);
    expect(await runState(queues, again)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("exists already"),
    });
  });

  test("who looks for a run while it is removed to be made again waits for it", async () => {
    const id = submit(queue.redis.url, input, output, "-l");
    const job = await findRun(queues, id);
    const before = await runState(queues, job);
    await queues.redis.set(againKey(id), "1", "EX", 60);
    await job.remove();
    const looks = Promise.all([runState(queues, job), laterState(queues, before), findRun(queues, id)]);
    // Long enough for all of them to have found nothing.
    expect(await Promise.race([looks, setTimeout(300, "wait")])).toBe("wait");
    await queues.dumps.add("dump", job.data, { jobId: id });
    await queues.redis.del(againKey(id));
    expect(await looks).toMatchObject([{ id, state: "waiting" }, { id, state: "waiting" }, { id }]);
    // Whoever wanted to submit it again has died.
    await queues.redis.set(againKey(id), "1", "PX", 300);
    await (await findRun(queues, id)).remove();
    await expect(laterState(queues, before)).rejects.toThrow("is not the ID of a run");
  });

  test("a lock that ran out is taken again, unless somebody has begun to take the job over", async () => {
    const worker = new queues.bullmq.Worker("dumps", undefined, { connection: queues.redis, prefix: "{coresieve}" });
    onTestFinished(() => worker.close());
    const id = submit(queue.redis.url, input, output, "-l");
    const job = (await worker.getNextJob("mine", { block: false })) as Job;
    expect(job.id).toBe(id);
    const lock = `${queues.dumps.toKey(id)}:lock`;
    await queues.redis.del(lock);
    expect(await holdLock(queues.redis, queues.dumps, job, "mine", 5000)).toBe(true);
    expect(await queues.redis.get(lock)).toBe("mine");
    expect(await queues.redis.pttl(lock)).toBeGreaterThan(0);
    await queues.redis.set(lock, "another's");
    expect(await holdLock(queues.redis, queues.dumps, job, "mine", 5000)).toBe(false);
    expect(await queues.redis.get(lock)).toBe("another's");
    // As BullMQ takes it from a worker that it takes for dead.
    await queues.redis.del(lock);
    await queues.redis.lrem(queues.dumps.toKey("active"), 1, id);
    await queues.redis.lpush(queues.dumps.toKey("wait"), id);
    expect(await holdLock(queues.redis, queues.dumps, job, "mine", 5000)).toBe(false);
    expect(await queues.redis.exists(lock)).toBe(0);
  });

  test("a worker that was taken for dead while it planned wakes up when all is over: it brings nothing back", async () => {
    const options = ["-l", "-d", "9"];
    const id = submit(queue.redis.url, input, output, ...options, "--shards", "2");
    const first = work({ killAt: "before mkdir .coresieve-", env: STOP });
    await stopped(first.child);
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
    first.child.kill("SIGCONT");
    await until(() => first.said().includes("another worker has it by now"));
    expect(readdirSync(share).sort()).toEqual(["out", "vmcore"]);
    expect(await queues.shards.getJobCountByTypes("waiting", "prioritized", "active", "delayed", "failed")).toBe(0);
    expectWhole(options);
  });

  test("a worker that was taken for dead finishes the output before the one that took over does", async () => {
    const options = ["-p", "-d", "17"];
    const id = submit(queue.redis.url, input, output, ...options, "--shards", "2");
    const first = work({ killAt: "before link output.partial", env: STOP });
    await stopped(first.child);
    // It looks at what is done, and has not begun to write.
    const second = work({ killAt: "after open shard-0001.done", env: STOP });
    await stopped(second.child);
    first.child.kill("SIGCONT");
    await until(() => first.said().includes("out is there"));
    first.child.kill("SIGKILL");
    await first.ended;
    second.child.kill("SIGCONT");
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", outputBytes: whole(options).length });
    expectWhole(options);
  });

  test("a failed run: shards that a worker added before it died are not waited for again; cancelled it leaves nothing", async () => {
    const id = submit(queue.redis.url, input, output, "-l", "-d", "5", "--shards", "2");
    const before = await findRun(queues, id);
    work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "failed" });
    expect(existsSync(`${output}.coresieve-${id}`)).toBe(true);
    // As if the worker had died before it noted that they are added.
    const job = await findRun(queues, id);
    const data = dumpJob(job.data);
    await job.updateData({ ...data, planned: { ...data.planned, round: -1 } });
    await job.retry("failed");
    expect(await over(queue.redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("2 of 2 shards failed"),
    });
    await queue.end();
    for (let i = 0; i < 2; i++) expect(coresieve(queue.redis.url, "jobs", "cancel", id).code).toBe(0);
    // Who knows it from when nobody had begun it does not remove it: there is a folder to be removed by a worker.
    expect(await cancelRun(queues, before)).toBe("cancelled");
    expect(coresieve(queue.redis.url, "jobs").stdout).toMatch(/ cancelled: .*; the next free worker ends it\n/);
    work();
    await until(() => !existsSync(`${output}.coresieve-${id}`));
  });
});
