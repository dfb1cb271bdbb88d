/** What `submit`, `jobs` and `worker` print of names, job data and reasons that could steer a terminal: everybody who reaches Redis may write them. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { folderQueue, input } from "./support/folder-queue.js";
import { coresieve, hasRedis, over, ready, share, submit, until } from "./support/queue.js";

const queue = folderQueue();
const NAME = "\x1b]0;evil\x07\x7f\u009b31m\u202e\u2066\u200b\u2028\r\nINJECTED";
/** Tabs and newlines may be printed, and are looked at apart. */
const STEERING = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

function expectSafe(what: string, text: string): void {
  const found = STEERING.exec(text);
  expect(found === null ? "" : JSON.stringify(text.slice(Math.max(0, found.index - 60), found.index + 20)), what).toBe(
    "",
  );
  expect(text.split("\n").filter((line) => line.startsWith("INJECTED"))).toEqual([]);
}

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  /** Runs a command, which has to show the name escaped. */
  const shown = (code: number, ...args: string[]) => {
    const ended = coresieve(queue.redis.url, ...args);
    const words = args.slice(0, 2).join(" ");
    expectSafe(words, ended.stdout);
    expectSafe(words, ended.stderr);
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stdout + ended.stderr, words).toContain("\\u001b");
    return ended;
  };

  test("names of files and folders, in all that is printed of a run", async () => {
    const folder = join(share, NAME);
    mkdirSync(folder);
    try {
      const [dump, out] = [join(folder, `in${NAME}`), join(folder, `out${NAME}`)];
      copyFileSync(input, dump);
      const id = submit(queue.redis.url, dump, out, "-l", "-d", "31");
      shown(0, "submit", dump, out, "-l", "-d", "31");
      JSON.parse(shown(0, "submit", "--json", dump, out, "-l", "-d", "31").stdout);
      for (const more of [[], ["--json"]]) shown(0, "jobs", "list", ...more);
      const one = queue.work({ allow: folder });
      await ready(one);
      expect(await over(queue.redis.url, id)).toMatchObject({ state: "done" });
      for (const more of [[], ["--json"]]) shown(0, "jobs", "watch", id, ...more);
      // It says so a moment after the run is over.
      await until(() => one.said().includes("is there"));
      expectSafe("worker", one.said());
      expect(one.said()).toContain("\\u001b");
      // Refused, and named.
      const refused = submit(queue.redis.url, dump, join(share, `no${NAME}`), "-l");
      expect(await over(queue.redis.url, refused)).toMatchObject({ state: "failed" });
      for (const more of [[], ["--json"]]) shown(1, "jobs", "watch", refused, ...more);
      expectSafe("worker", one.said());
      shown(2, "jobs", "watch", `${NAME}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("what somebody else wrote to Redis: data, progress, reasons", async () => {
    const client = new Redis(queue.redis.url.slice("unix://".length));
    try {
      const id = submit(queue.redis.url, input, join(share, "out"), "-l", "-d", "11");
      const key = `{coresieve}:dumps:${id}`;
      const data = JSON.parse((await client.hget(key, "data")) as string) as object;
      await client.hset(key, "data", JSON.stringify({ ...data, output: `/x${NAME}` }));
      await client.hset(key, "progress", JSON.stringify({ step: NAME, host: NAME, done: 1, total: 2 }));
      for (const more of [[], ["--json"]]) shown(0, "jobs", "list", ...more);
      await client.hset(key, "data", JSON.stringify({ ...data, [NAME]: NAME }));
      for (const more of [[], ["--json"]]) shown(1, "jobs", "list", ...more);
      const one = queue.work();
      await until(() => one.said().includes("job data"));
      expectSafe("worker", one.said());
      await queue.end();
      await client.flushall();
      const failed = submit(queue.redis.url, input, join(share, "none", "out"), "-l");
      queue.work();
      expect(await over(queue.redis.url, failed)).toMatchObject({ state: "failed" });
      await client.hset(`{coresieve}:dumps:${failed}`, "failedReason", `no ${NAME}`);
      for (const more of [[], ["--json"]]) {
        shown(0, "jobs", "list", ...more);
        shown(1, "jobs", "watch", failed, ...more);
      }
    } finally {
      await client.flushall();
      client.disconnect();
    }
  });
});
