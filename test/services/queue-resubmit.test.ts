/** A run that failed, or that Redis forgot, submitted again with another number of shards: the bytes of a single run, whatever the first left. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, hasRedis, over, share, stopped, submit } from "./support/queue.js";

const queue = folderQueue();
const { work, whole, expectWhole } = queue;

const LZO = ["-l", "-d", "17"];

/** A disk of its own, of a few megabytes. Only root has one. */
const disk = join(share, "disk");
const mount = (options: string) =>
  spawnSync("mount", ["-t", "tmpfs", "-o", options, "coresieve-test", disk]).status === 0;
const unmount = () => {
  spawnSync("umount", ["-l", disk]);
  rmdirSync(disk);
};
function mayMount(): boolean {
  mkdirSync(disk);
  const may = mount("size=1m");
  unmount();
  return may;
}

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test.each([
    ["when a shard was done", "after rename shard-0000.done"],
    ["while it finished", "before link output.partial"],
  ])(
    "its staging is removed %s: it is done, or fails by name and is done when it is submitted again",
    async (_, at) => {
      const id = submit(queue.redis.url, input, output, ...LZO, "--shards", "2");
      const one = work({ killAt: at, env: { CORESIEVE_TEST_SIGNAL: "SIGSTOP" } });
      await stopped(one.child);
      rmSync(`${output}.coresieve-${id}`, { recursive: true });
      one.child.kill("SIGCONT");
      const { state, reason = "" } = await over(queue.redis.url, id);
      // The system's bare error has a path that nobody knows.
      expect(reason).not.toContain("/proc/self/fd");
      if (state === "failed") {
        submit(queue.redis.url, input, output, ...LZO, "--shards", "2");
        expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
      }
      expectWhole(LZO);
    },
  );

  describe.each([
    ["ELF", ["-E", "-d", "0"]],
    ["ELF with holes", ["-E", "-d", "31"]],
    ["kdump, LZO", ["-l", "-d", "31"]],
  ] as const)("%s", (_, options) => {
    test.each([
      ["while it planned", "before rename plan.json"],
      ["when the plan was made", "after rename plan.json"],
      ["when a shard was done", "after rename shard-0000.done"],
      ["while it finished", "before link output.partial"],
    ])("Redis forgot the run %s", async (_what, killAt) => {
      submit(queue.redis.url, input, output, ...options, "--shards", "5");
      expect(await work({ killAt }).ended).toBe("SIGKILL");
      const client = new Redis(queue.redis.url.slice("unix://".length));
      await client.flushall();
      client.disconnect();
      const again = submit(queue.redis.url, input, output, ...options, "--shards", "2");
      work();
      expect(await over(queue.redis.url, again)).toMatchObject({ state: "done", reason: undefined });
      expectWhole(options);
    });

    test("Redis forgot a run of three workers, and one makes it: other numbers of shards, chosen by them", async () => {
      submit(queue.redis.url, input, output, ...options);
      // Whoever makes the first shard dies of it.
      const workers = [1, 2, 3].map(() => work({ killAt: "after rename shard-0000.done" }));
      expect(await Promise.race(workers.map(({ ended }) => ended))).toBe("SIGKILL");
      for (const { child, ended } of workers) {
        child.kill("SIGKILL");
        await ended;
      }
      const client = new Redis(queue.redis.url.slice("unix://".length));
      await client.flushall();
      client.disconnect();
      const again = submit(queue.redis.url, input, output, ...options);
      work();
      expect(await over(queue.redis.url, again)).toMatchObject({ state: "done", reason: undefined });
      expectWhole(options);
    });

    test("it failed when some shards were done", async () => {
      const id = submit(queue.redis.url, input, output, ...options, "--shards", "5");
      expect(await work({ killAt: "after rename shard-0001.done" }).ended).toBe("SIGKILL");
      // All others fail: what is encoded has nowhere to go.
      const staging = `${output}.coresieve-${id}`;
      const partial = join(staging, readdirSync(staging)[0] as string, "output.partial");
      rmSync(partial);
      mkdirSync(partial);
      const broken = work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "failed" });
      broken.child.kill("SIGKILL");
      await broken.ended;
      expect(submit(queue.redis.url, input, output, ...options, "--shards", "2")).toBe(id);
      work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
      expectWhole(options);
    });
  });

  test.skipIf(!mayMount())("the disk was full in mid-run (skipped where nothing may be mounted)", async () => {
    const options = ["-d", "0", "-E"];
    const there = join(disk, "out");
    mkdirSync(disk);
    try {
      // Room for some of the five shards of 6.7 MB.
      expect(mount("size=18m")).toBe(true);
      const id = submit(queue.redis.url, input, there, ...options, "--shards", "5");
      const full = work();
      const failed = await over(queue.redis.url, id);
      expect(failed).toMatchObject({ state: "failed", reason: expect.stringContaining("[NO_SPACE]") });
      expect([failed.shards?.all, (failed.shards?.done ?? 0) > 0]).toEqual([5, true]);
      full.child.kill("SIGKILL");
      await full.ended;
      expect(mount("remount,size=200m")).toBe(true);
      expect(submit(queue.redis.url, input, there, ...options, "--shards", "2")).toBe(id);
      work();
      work();
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", reason: undefined });
      expect(readFileSync(there).equals(whole(options))).toBe(true);
      expect(readdirSync(disk)).toEqual(["out"]);
    } finally {
      unmount();
    }
  });

  test("one output has one run at a time: other options are refused at submit, with what to do", async () => {
    const id = submit(queue.redis.url, input, output, "-l");
    const other = coresieve(queue.redis.url, "submit", input, output, "-z");
    expect(other).toMatchObject({ code: 1, stdout: "" });
    expect(other.stderr).toContain(`the run ${id} is to write it`);
    expect(other.stderr).toContain(`coresieve jobs watch ${id}`);
    expect(coresieve(queue.redis.url, "jobs", "cancel", id).code).toBe(0);
    const next = submit(queue.redis.url, input, output, "-z");
    work();
    expect(await over(queue.redis.url, next)).toMatchObject({ state: "done" });
    expectWhole(["-z"]);
  });

  test("a run that is done, and whose output is gone, is made again", async () => {
    const id = submit(queue.redis.url, input, output, "-l");
    work();
    await over(queue.redis.url, id);
    rmSync(output);
    expect(coresieve(queue.redis.url, "submit", input, output, "-l").stdout).not.toContain("submitted before");
    expect(await over(queue.redis.url, id)).toMatchObject({ state: "done", outputBytes: whole(["-l"]).length });
    expectWhole(["-l"]);
  });

  test("jobs clean: what a run left stays while the queue has it, and goes when Redis has forgotten it", async () => {
    const id = submit(queue.redis.url, input, output, "-l", "--shards", "2");
    expect(await work({ killAt: "after rename plan.json" }).ended).toBe("SIGKILL");
    const staging = `${output}.coresieve-${id}`;
    const clean = (...more: readonly string[]) => coresieve(queue.redis.url, "jobs", "clean", share, ...more);
    expect(clean("--older-than", "0", "--remove")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${staging}: kept, the queue has its run`),
    });
    const client = new Redis(queue.redis.url.slice("unix://".length));
    await client.flushall();
    client.disconnect();
    expect(clean("--remove").stdout).toContain(`${staging}: kept, written to in the last 30 days`);
    expect(clean("--older-than", "0").stdout).toContain(`${staging}: can be removed`);
    expect(existsSync(staging)).toBe(true);
    expect(clean("--older-than", "0", "--remove").stdout).toContain(`${staging}: removed`);
    expect(existsSync(staging)).toBe(false);
  });
});
