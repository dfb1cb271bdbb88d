/**
 * Threads end while V8 asks Node for nothing: Node 20 to 26 may else end the whole process. V8's flags cannot be read, but compiled code is bound to them: the tag of
 * `cachedDataVersionTag` tells whether they are as before.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { cachedDataVersionTag, setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { endedBySignal, endThreads } from "../src/ending-threads.js";
import { openStore } from "../src/store/open-store.js";
import { WorkerThreads } from "../src/worker/threads.js";
import { runCli } from "./support/cli.js";
import { temporaryFolder } from "./support/filter.js";
import { sampleDump } from "./support/sample.js";

const asStarted = cachedDataVersionTag();
setFlagsFromString("--no-incremental-marking-task");
const quiet = cachedDataVersionTag();
setFlagsFromString("--incremental-marking-task");

/** V8's flags at the end of each thread that is started from now on. */
const atExit: number[] = [];
const watch = (thread: Worker) => thread.once("exit", () => atExit.push(cachedDataVersionTag()));

afterEach(() => {
  process.off("worker", watch);
  atExit.length = 0;
  expect(cachedDataVersionTag()).toBe(asStarted);
});

test("the flag tells in the tag", () => {
  expect(quiet).not.toBe(asStarted);
});

test("worker threads", async () => {
  process.on("worker", watch);
  const threads = new WorkerThreads(2);
  await threads.started;
  await threads.destroy();
  expect(atExit.length).toBeGreaterThan(0);
  expect(new Set(atExit)).toEqual(new Set([quiet]));
});

test("the store's thread", async () => {
  process.on("worker", watch);
  const store = openStore();
  await store.close();
  expect(atExit).toEqual([quiet]);
});

test("two at once, and one that cannot be ended: until the last", async () => {
  let letGo = (): void => undefined;
  const first = endThreads(() => new Promise<void>((resolve) => (letGo = resolve)));
  await expect(endThreads(() => Promise.reject(new Error("stays")))).rejects.toThrow("stays");
  expect(cachedDataVersionTag()).toBe(quiet);
  letGo();
  await first;
});

test("a thread that a signal ends", async () => {
  const controller = new AbortController();
  const thread = new Worker("setInterval(() => {}, 1000)", { eval: true });
  watch(thread);
  await once(thread, "online");
  endedBySignal(() => [thread], controller.signal);
  controller.signal.addEventListener("abort", () => void thread.terminate());
  controller.abort();
  await once(thread, "exit");
  expect(atExit).toEqual([quiet]);
  await new Promise(setImmediate);
});

test("a signal that comes too late changes nothing", () => {
  const controller = new AbortController();
  endedBySignal(() => [], controller.signal)();
  controller.abort();
  expect(cachedDataVersionTag()).toBe(asStarted);
});

test("the program, whose end ends its threads", async () => {
  const folder = temporaryFolder();
  writeFileSync(`${folder}/dump`, sampleDump());
  // What Node calls last, after all that listens to the process's end.
  writeFileSync(
    `${folder}/tell.cjs`,
    `const { cachedDataVersionTag } = require("node:v8");
    const { reallyExit } = process;
    process.reallyExit = (code) => {
      require("node:fs").writeSync(2, "tag " + cachedDataVersionTag());
      reallyExit.call(process, code);
    };`,
  );
  const run = await runCli(["filter", "-d", "31", `${folder}/dump`, `${folder}/out`], {
    env: { NODE_OPTIONS: `--require ${folder}/tell.cjs` },
  });
  expect(run.code).toBe(0);
  expect(run.stderr).toContain(`tag ${quiet}`);
});
