/** Where BullMQ's scripts take this host's time, and that they get Redis's. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { RedisQueueBackend } from "bullmq";
import { expect, test, vi } from "vitest";
import type { QueueLibrary } from "../../src/queue/load-bullmq.js";
import { redisTimeBackend, TIME_ARGUMENTS } from "../../src/queue/redis-clock.js";

/** Scripts of what coresieve does not use: repeated jobs, relays, delays that are changed, bulk moves and cleaning by age. */
const UNUSED = /^(addJobScheduler|updateJobScheduler|changeDelay|cleanJobsInSet|moveJobsToWait|relay|getCounts)/;

test("every script of BullMQ that takes a time is known, and where it takes it", () => {
  const folder = join(dirname(createRequire(import.meta.url).resolve("bullmq")), "..", "esm", "commands");
  const found = new Map<string, number>();
  for (const file of readdirSync(folder)) {
    const [, name = "", keys = ""] = /^(\w+)-(\d+)\.lua$/.exec(file) ?? [];
    if (name === "") continue;
    const argument = /^\s*ARGV\[(\d+)\]\s+timestamp/m.exec(readFileSync(join(folder, file), "utf8"));
    if (argument !== null && !UNUSED.test(name)) found.set(name, Number(keys) + Number(argument[1]) - 1);
  }
  expect(found.size).toBeGreaterThan(5);
  expect(Object.fromEntries(TIME_ARGUMENTS)).toEqual(Object.fromEntries(found));
});

test("a script gets Redis's time in place of this host's, and all else as it was", () => {
  const sent: unknown[] = [];
  const send = vi.fn((_client: unknown, _command: string, args: unknown[]) => sent.push(args));
  const library = { bullmq: { createRedisBackend: () => ({ execCommand: send }) } } as unknown as QueueLibrary;
  const make = redisTimeBackend(library, { now: () => 7 });
  const backend = make("dumps", {} as Parameters<typeof make>[1]) as RedisQueueBackend;
  const client = {} as Parameters<RedisQueueBackend["execCommand"]>[0];
  const args = Array.from({ length: 20 }, (_, i) => `${i}`);
  for (const [command, at] of TIME_ARGUMENTS) {
    sent.length = 0;
    backend.execCommand(client, command, args.with(at, `${Date.now()}`));
    expect({ command, sent }).toEqual({ command, sent: [(args as unknown[]).with(at, 7)] });
  }
  // What is no time stays, there and elsewhere.
  sent.length = 0;
  backend.execCommand(client, "moveToActive", args);
  backend.execCommand(client, "extendLock", [Date.now()]);
  expect(sent).toEqual([args, [expect.any(Number)]]);
  expect((sent[1] as number[])[0]).toBeGreaterThan(1e12);
});
