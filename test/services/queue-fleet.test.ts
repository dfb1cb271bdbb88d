/** A fleet as fleets are: clocks that are wrong, programs of two versions, jobs that nobody can do, thousands of runs. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { findRun } from "../../src/queue/jobs.js";
import { openQueues, type Queues } from "../../src/queue/queues.js";
import type { RunState } from "../../src/queue/submission.js";
import { folderQueue, input, output, SLOW } from "./support/folder-queue.js";
import {
  coresieve,
  folder,
  hasRedis,
  over,
  PROGRAM,
  stateOf,
  stopped,
  submit,
  until,
  wrongClock,
} from "./support/queue.js";

const queue = folderQueue();
const { work, expectWhole } = queue;
let queues: Queues;
beforeAll(async () => {
  if (!hasRedis) return;
  queues = await openQueues(queue.redis.url);
  return () => queues.close();
});

const HOUR = 3_600_000;

async function redisNow(): Promise<number> {
  const [seconds] = await queues.redis.time();
  return 1000 * Number(seconds);
}

/** How often Redis has read from a connection: questions, where none waits for the answer to another. */
async function reads(): Promise<number> {
  return Number(/^total_reads_processed:(\d+)/m.exec(await queues.redis.info("stats"))?.[1]);
}

/** A copy of the program as a later version will be: its jobs are of the next format. */
function makeOtherVersion(to: string): void {
  const from = dirname(dirname(dirname(PROGRAM)));
  cpSync(join(from, "dist"), join(to, "dist"), { recursive: true, filter: (name) => !/\.(d\.ts|map)$/.test(name) });
  symlinkSync(join(from, "node_modules"), join(to, "node_modules"));
  const manifest = readFileSync(join(from, "package.json"), "utf8");
  writeFileSync(join(to, "package.json"), manifest.replace(/"version": "[^"]*"/, '"version": "9.9.9"'));
  const files = readdirSync(join(to, "dist"), { recursive: true, encoding: "utf8" });
  let places = 0;
  for (const file of files.filter((name) => /\.c?js$/.test(name)).map((name) => join(to, "dist", name))) {
    const text = readFileSync(file, "utf8");
    if (!/\bJOB_FORMAT ?= ?3\b|reads format 3\)/.test(text)) continue;
    // Bundles have the number in place of its name.
    const later = text.replace(
      /(JOB_FORMAT ?= ?|version:[\w$.]+\(3,|version:|>0&&\w+!==|version !== |reads format )3\b/g,
      (_, before: string) => {
        places++;
        return `${before.replace("(3,", "(4,")}4`;
      },
    );
    writeFileSync(file, later);
  }
  expect(places).toBeGreaterThan(4);
}

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  describe("clocks", () => {
    test.each([
      ["an hour ahead", HOUR],
      ["an hour behind", -HOUR],
      ["at 1970, for its battery is empty", -Date.now()],
    ])("a worker is %s: what it hands back can be taken at once, and what it did is remembered", async (_, off) => {
      const id = submit(queue.redis.url, input, output, ...SLOW, "--shards", "3");
      const stop = { CORESIEVE_TEST_SIGNAL: "SIGTERM", ...wrongClock(off) };
      const first = work({ killAt: "after open .coresieve-shard-", env: stop });
      expect(await first.ended).toBe(0);
      expect(first.said()).toContain("handed back");
      // By Redis's clock.
      const now = await redisNow();
      for (const { id: shard = "" } of await queues.shards.getDelayed()) {
        const score = await queues.redis.zscore(queues.shards.toKey("delayed"), shard);
        if (score !== null) expect(Math.abs(Number(score) / 0x1000 - now)).toBeLessThan(60_000);
      }
      // It is wrong, and does the rest.
      work({ env: wrongClock(off) });
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
      expectWhole(SLOW);
      const { finishedOn = 0, timestamp } = await findRun(queues, id);
      expect(Math.abs(finishedOn - (await redisNow()))).toBeLessThan(60_000);
      expect(Math.abs(timestamp - (await redisNow()))).toBeLessThan(600_000);
    });

    test("a try that failed on a worker an hour ahead is tried again soon", async () => {
      const id = submit(queue.redis.url, input, output, "-l", "-d", "3", "--shards", "1");
      const broken = work({ env: wrongClock(HOUR), args: ["--spool-dir", join(folder, "no-such-folder")] });
      await until(() => broken.said().includes("no-such-folder"));
      broken.child.kill("SIGKILL");
      await broken.ended;
      work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
      expectWhole(["-l", "-d", "3"]);
    });
  });

  describe("program versions", () => {
    /** A copy of the program whose jobs are of another format, as a later version's will be. */
    const other = join(folder, "other-version", "dist", "cli", "main.js");
    beforeAll(() => {
      if (hasRedis) makeOtherVersion(dirname(dirname(dirname(other))));
    });

    test("a rolling upgrade: each run is done by workers of its version, and no try is used up by the others", async () => {
      const runs: { readonly id: string; readonly options: string[]; readonly out: string }[] = [];
      for (const [program, options, name] of [
        [PROGRAM, ["-l", "-d", "3"], "out"],
        [other, ["-z", "-d", "3"], "later"],
      ] as const) {
        const out = join(dirname(output), name);
        const { stdout } = coresieve({ redis: queue.redis.url, program }, "submit", "--json", input, out, ...options);
        runs.push({ id: (JSON.parse(stdout) as RunState).id, options: [...options], out });
      }
      const [first, second] = runs as [(typeof runs)[0], (typeof runs)[0]];
      // Old workers only: the new program's run waits, and is named.
      const old = work();
      expect(await over(queue.redis.url, first.id)).toMatchObject({ state: "done" });
      await until(() => old.said().includes(`${second.id}: handed back: is a job of coresieve 9.9.9`));
      expect(await stateOf(queue.redis.url, second.id)).toMatchObject({
        state: "other-version",
        reason: expect.stringContaining("coresieve 9.9.9 (job format 4; this program reads format 3)"),
      });
      const listed = coresieve(queue.redis.url, "jobs");
      expect(listed).toMatchObject({ code: 0, stderr: "" });
      expect(listed.stdout).toContain(
        `${second.id} other version: ${input} to ${second.out}: is a job of coresieve 9.9.9`,
      );
      // One is replaced by a new one, another is still there.
      work({ program: other });
      const done = () => coresieve({ redis: queue.redis.url, program: other }, "jobs", "--json").stdout;
      await until(() =>
        (JSON.parse(done()) as RunState[]).some(({ id, state }) => id === second.id && state === "done"),
      );
      expect(readFileSync(second.out).equals(queue.whole(second.options))).toBe(true);
      expectWhole(first.options);
      for (const { id } of runs) expect(await findRun(queues, id)).toMatchObject({ attemptsMade: 1 });
      rmSync(second.out);
    });

    test("shards that a worker of another version cannot make wait for one that can", async () => {
      const id = submit(queue.redis.url, input, output, "-l", "-d", "5", "--shards", "2");
      const planner = work({ killAt: "after rename shard-0000.size" });
      expect(await planner.ended).toBe("SIGKILL");
      const later = work({ program: other });
      await until(() => later.said().includes("handed back: is a job of coresieve "));
      work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
      expectWhole(["-l", "-d", "5"]);
      for (const index of [0, 1]) {
        expect(await queues.shards.getJob(`${id}-0-${index}`)).toMatchObject({ attemptsMade: 1 });
      }
    });

    test("a run of a version that is gone can be removed", async () => {
      const { stdout } = coresieve({ redis: queue.redis.url, program: other }, "submit", "--json", input, output, "-l");
      const { id } = JSON.parse(stdout) as RunState;
      expect(coresieve(queue.redis.url, "jobs", "cancel", id).stdout).toContain(`${id}: is out of the queue`);
      expect(coresieve(queue.redis.url, "jobs").stdout).toBe("no runs\n");
    });
  });

  test("a job that no program can do: it fails at once, is listed, can be removed, and the dump submitted again", async () => {
    const id = submit(queue.redis.url, input, output, "-l", "-d", "11", "--shards", "1");
    const key = queues.dumps.toKey(id);
    const data = JSON.parse((await queues.redis.hget(key, "data")) as string) as object;
    await queues.redis.hset(key, "data", JSON.stringify({ ...data, level: 99 }));
    const one = work();
    await until(() => one.said().includes("job data: dump.level"));
    await until(async () => (await (await findRun(queues, id)).getState()) === "failed");
    expect(coresieve(queue.redis.url, "jobs")).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        new RegExp(`^${id} unreadable: job data: dump.level must be a number from 0 to 31`),
      ),
    });
    expect(coresieve(queue.redis.url, "jobs", "cancel", id.slice(0, 6))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${id}: is out of the queue`),
    });
    expect(coresieve(queue.redis.url, "jobs").stdout).toBe("no runs\n");
    expect(await queues.redis.exists(key)).toBe(0);
    // Or it is written over by the same run. A worker that waits would take it before it is damaged.
    one.child.kill("SIGKILL");
    await one.ended;
    submit(queue.redis.url, input, output, "-l", "-d", "11");
    await queues.redis.hset(key, "data", "what is no JSON");
    expect(coresieve(queue.redis.url, "jobs")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`${id} unreadable`),
    });
    submit(queue.redis.url, input, output, "-l", "-d", "11", "--shards", "1");
    work();
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
  });

  test("1,500 waiting runs: some are listed, and how many; Redis is asked some dozen times; the beginning of any id finds it", async () => {
    const id = submit(queue.redis.url, input, output, "-l");
    const { data } = await findRun(queues, id);
    const ids = Array.from({ length: 1500 }, (_, i) => `b${i.toString(16).padStart(14, "0")}0`);
    await queues.dumps.addBulk(ids.map((jobId, i) => ({ name: "dump", data, opts: { jobId, timestamp: 1000 + i } })));
    const before = await reads();
    const { stdout, stderr } = coresieve(queue.redis.url, "jobs");
    const asked = (await reads()) - before;
    expect(stdout.split("\n")).toHaveLength(1001);
    expect(stderr).toBe("coresieve: the latest 1,000 of 1,501 runs are listed; --limit 1501 lists all\n");
    expect(stdout.split("\n")[0]).toMatch(new RegExp(`^${id} waiting: `));
    expect(asked).toBeLessThan(60);
    const limited = coresieve(queue.redis.url, "jobs", "--limit", "2", "--json");
    expect((JSON.parse(limited.stdout) as RunState[]).map((run) => run.id)).toEqual([id, ids[1499]]);
    expect(coresieve(queue.redis.url, "jobs", "--limit", "1501")).toMatchObject({ code: 0, stderr: "" });
    // The oldest, which is not in the list.
    expect(coresieve(queue.redis.url, "jobs", "cancel", "b0000000000000").stderr).toContain(
      "16 runs have IDs that begin with",
    );
    expect(coresieve(queue.redis.url, "jobs", "cancel", "b000000000000000")).toMatchObject({ code: 0 });
    expect(coresieve(queue.redis.url, "jobs", "cancel", "b0000000000005d").stdout).toContain("is cancelled");
  });

  describe("between two steps", () => {
    const stop = { CORESIEVE_TEST_SIGNAL: "SIGSTOP" };

    test("jobs retry forgets how often workers were lost", async () => {
      const id = submit(queue.redis.url, input, output, "-l", "-d", "5", "--shards", "1");
      const broken = work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "failed" });
      broken.child.kill("SIGKILL");
      await broken.ended;
      await queues.redis.hset(queues.dumps.toKey(id), "stc", "5");
      expect(coresieve(queue.redis.url, "jobs", "retry", id)).toMatchObject({ code: 0 });
      // Its worker is lost once more: the sixth time.
      const victim = work({ killAt: "before link output.partial" });
      expect(await victim.ended).toBe("SIGKILL");
      work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
      expectWhole(["-l", "-d", "5"]);
    });

    test("a planner that stood still between its look at the lock and its plan writes over nobody's", async () => {
      const options = ["-l", "-d", "9"];
      const id = submit(queue.redis.url, input, output, ...options);
      // With as many shards as seem good: another number of workers plans another number of them.
      const first = work({ killAt: "before rename plan.json", env: stop });
      await stopped(first.child);
      // The other has planned and goes no further.
      const second = work({ killAt: "after open .coresieve-shard-", env: stop });
      const planned = async () => ((await findRun(queues, id)).data as { planned?: { digest: string } }).planned;
      await until(async () => (await planned()) !== undefined);
      await stopped(second.child);
      first.child.kill("SIGCONT");
      await until(() => first.said().includes("another worker has it by now"));
      first.child.kill("SIGKILL");
      second.child.kill("SIGCONT");
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
      expectWhole(options);
    });

    test("a cancel just before a failure is not lost", async () => {
      const id = submit(queue.redis.url, input, output, "-l", "-d", "5", "--shards", "1");
      const broken = work({ args: ["--spool-dir", join(folder, "no-such-folder")] });
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "failed" });
      broken.child.kill("SIGKILL");
      await broken.ended;
      // Once more: it finds the shard that failed, and stands still before it says so.
      expect(coresieve(queue.redis.url, "jobs", "retry", id)).toMatchObject({ code: 0 });
      const again = work({
        args: ["--spool-dir", join(folder, "no-such-folder")],
        killAt: "after stat output.partial",
        env: stop,
      });
      await stopped(again.child);
      expect(coresieve(queue.redis.url, "jobs", "cancel", id)).toMatchObject({ code: 0 });
      again.child.kill("SIGCONT");
      await until(() => !existsSync(`${output}.coresieve-${id}`));
      expect(await over(queue.redis.url, id)).toMatchObject({
        state: "failed",
        reason: expect.stringContaining("cancelled"),
      });
    });
  });
});
