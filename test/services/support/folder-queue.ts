/** A queue whose dumps lie in the shared folder: its Redis server, its workers, and what must hold after each test. */
import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, expect } from "vitest";
import { realDump } from "../../support/dumps.js";
import {
  coresieve,
  folder,
  hasRedis,
  type RedisServer,
  redisServer,
  share,
  type WorkerOptions,
  worker,
} from "./queue.js";

export const input = join(share, "vmcore");
export const output = join(share, "out");
/** Takes some seconds of one thread, so that there is time to disturb it. */
export const SLOW = ["-d", "0", "-z", "--compression-level", "19"];

export type Worker = ReturnType<typeof worker>;

/** Sets it up for a test file. `redis` is there when the tests begin. */
export function folderQueue() {
  let redis: RedisServer;
  let workers: Worker[] = [];
  /** The bytes that one machine writes, by options. */
  const known = new Map<string, Buffer>();

  beforeAll(async () => {
    if (!hasRedis) return;
    redis = await redisServer();
    copyFileSync((await realDump("tiny-x86-6.1")).vmcore, input);
  });

  const end = async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all(workers.map(({ ended }) => ended));
    workers = [];
  };

  afterEach(async () => {
    await end();
    await redis?.clear();
    rmSync(output, { force: true });
    const left = readdirSync(share).filter((name) => name !== "vmcore");
    for (const name of left) rmSync(join(share, name), { recursive: true });
    // Nothing may be left in the shared folder, in no test.
    expect(left).toEqual([]);
  });

  const whole = (options: readonly string[]): Buffer => {
    const key = options.join(" ");
    const before = known.get(key);
    if (before !== undefined) return before;
    const path = join(folder, "whole");
    expect(coresieve(redis.url, input, path, "-f", "-q", ...options)).toMatchObject({ code: 0, stderr: "" });
    const bytes = readFileSync(path);
    known.set(key, bytes);
    return bytes;
  };

  return {
    get redis() {
      return redis;
    },
    /** Starts a worker, which ends with the test. */
    work(options: Partial<WorkerOptions> = {}): Worker {
      const started = worker({ redis: redis.url, ...options });
      workers.push(started);
      return started;
    },
    /** Kills all workers. */
    end,
    /** The bytes that one machine writes. */
    whole,
    expectWhole(options: readonly string[]): void {
      expect(readFileSync(output).equals(whole(options))).toBe(true);
    },
  };
}
