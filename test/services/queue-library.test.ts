/** The queue by the library: what is submitted is what the command line submits, and watching tells each change to the end. */
import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codecOf, type RunState, submitRun, watchRun } from "../../src/index.js";
import { folderQueue, input, output } from "./support/folder-queue.js";
import { coresieve, hasRedis, share, start, submit } from "./support/queue.js";

const queue = folderQueue();
const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

async function all(states: AsyncIterable<RunState>): Promise<readonly RunState[]> {
  const seen: RunState[] = [];
  for await (const state of states) seen.push(state);
  return seen;
}

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  test("submitRun and submit are the same run; watchRun ends when it is done", async () => {
    const redis = queue.redis.url;
    const inputs = relative(process.cwd(), input);
    const first = await submitRun({ redis, inputs, output, codec: codecOf("lzo"), shards: 3, priority: 5 });
    expect(first).toMatchObject({ what: "new", state: { state: "waiting", inputs: [input], mayRetry: false } });
    expect(submit(redis, input, output, "-l")).toBe(first.id);
    expect(await submitRun({ redis, inputs: [input], output, codec: codecOf("lzo") })).toMatchObject({
      ...{ id: first.id, what: "known" },
    });
    queue.work();
    const seen = await all(watchRun(first.id.slice(0, 8), { redis }));
    expect(seen.at(-1)).toMatchObject({ id: first.id, state: "done", progress: 1, shards: { all: 3, done: 3 } });
    expect(new Set(seen.map((state) => JSON.stringify(state))).size).toBe(seen.length);
    queue.expectWhole(["-l"]);
    expect(await all(watchRun(first.state, { redis }))).toHaveLength(1);
  });

  test("a failed run says whether a retry may help; one that is cancelled early is known by its state", async () => {
    const redis = queue.redis.url;
    const { id, state } = await submitRun({ redis, inputs: input, output, level: 3 });
    expect(coresieve(redis, "jobs", "cancel", id).code).toBe(0);
    expect(await all(watchRun(state, { redis }))).toMatchObject([
      { state: "failed", code: "ABORTED", mayRetry: false },
    ]);
    await expect(all(watchRun(id, { redis }))).rejects.toMatchObject({ code: "BAD_OPTION" });
    const other = join(share, "other");
    writeFileSync(other, "this is no dump, and never was one\n".repeat(100));
    const wrong = await submitRun({ redis, inputs: other, output });
    queue.work();
    expect((await all(watchRun(wrong.id, { redis }))).at(-1)).toMatchObject({ state: "failed", mayRetry: false });

    rmSync(other);
  });

  test("watching is stopped, and the run goes on", async () => {
    const redis = queue.redis.url;
    const { id } = await submitRun({ redis, inputs: input, output, level: 1 });
    const stop = new AbortController();
    const states = watchRun(id, { redis, signal: stop.signal });
    expect((await states.next()).value).toMatchObject({ id, state: "waiting" });
    stop.abort();
    await expect(states.next()).rejects.toMatchObject({ code: "ABORTED" });
    expect(coresieve(redis, "jobs").stdout).toContain(`${id} waiting`);
  });

  test.each([
    [{ inputs: [], output }, /inputs is an array of 0/],
    [{ inputs: input, output, shard: 3 }, /unknown option "shard"/],
    [{ inputs: input, output, priority: 0 }, /priority is 0/],
    [{ inputs: input, output, level: 32 }, /level is 32/],
    [{ inputs: input, output: "https://host/out" }, /nothing by HTTP/],
    [{ inputs: input, output, format: "elf", codec: codecOf("lzo") }, /ELF dumps cannot be compressed/],
  ])("options are looked at before Redis is: %o", async (options, message) => {
    await expect(submitRun({ redis: "redis://127.0.0.1:1", ...options } as never)).rejects.toMatchObject({
      ...{ code: "BAD_OPTION", message: expect.stringMatching(message) },
    });
  });

  test("examples/submit.mjs", async () => {
    queue.work();
    const run = start(process.execPath, [example("submit.mjs"), input, output], { REDIS_URL: queue.redis.url });
    expect(await run.ended).toBe(0);
    expect(run.said()).toMatch(
      /^run [a-p][0-9a-f]{15} \(new\)\n(.*\n)*done: 100 %, \d+ of \d+ shards\n.*out: \d+ bytes\n$/,
    );
    queue.expectWhole(["-l"]);
    const missing = start(process.execPath, [example("submit.mjs"), join(share, "none"), output], {
      REDIS_URL: queue.redis.url,
    });
    expect(await missing.ended).toBe(1);
    expect(missing.said()).toContain("cannot be opened");
  });
});
