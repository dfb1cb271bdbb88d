/** The queue as a service: exit codes by cause, waiting no longer than was said, and what a supervisor asks a worker. */
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, coresieveLater, hasRedis, PROGRAM, ready, share, start, until } from "./support/queue.js";

const queue = folderQueue();

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("nobody works: 124, and the run goes on; cancelled: 1", async () => {
    const waits = ["submit", input, output, "-l", "--wait", "--wait-timeout"] as const;
    const late = await coresieveLater(queue.redis.url, ...waits, "1");
    expect(late).toMatchObject({ code: 124, said: expect.stringMatching(/is not done in time: waiting; [a-p]/) });
    const [, id = ""] = /([a-p][0-9a-f]{15})/.exec(late.said) ?? [];
    const waiting = start(process.execPath, [PROGRAM, ...waits, "600"], { REDIS_URL: queue.redis.url });
    // One that comes behind the cancelling submits the run anew, and waits for a worker.
    await until(() => waiting.said().includes(id));
    expect(coresieve(queue.redis.url, "jobs", "cancel", id).code).toBe(0);
    expect(await waiting.ended).toBe(1);
  });

  test("what a retry cannot mend ends with 1, what it may with 75", async () => {
    queue.work();
    const other = join(share, "other");
    writeFileSync(other, "this is no dump, and never was one\n".repeat(100));
    expect(await coresieveLater(queue.redis.url, "submit", other, output, "--wait")).toMatchObject({ code: 1 });
    // In no folder that a worker may touch.
    const away = join(share, "..", "away");
    copyFileSync(input, away);
    expect(await coresieveLater(queue.redis.url, "submit", away, output, "--wait")).toMatchObject({ code: 75 });
    rmSync(away);
    rmSync(other);
  });

  test("healthy while it runs, ready while Redis answers", async () => {
    const port = 20_000 + (process.pid % 20_000);
    const worker = queue.work({ args: ["--metrics", `${port}`] });
    await ready(worker);
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).status;
    expect([await status("healthz"), await status("readyz"), await status("other")]).toEqual([200, 200, 404]);
    worker.child.kill("SIGTERM");
    await until(() => worker.said().includes("stops"));
    expect(await worker.ended).toBe(0);
  });
});
