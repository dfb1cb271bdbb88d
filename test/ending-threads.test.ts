/** Threads end while V8 asks Node for nothing: Node 20 to 26 may else end the whole process. V8's flags cannot be read, so what is set is looked at. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { endThreads, threadEnds } from "../src/ending-threads.js";
import { openStore } from "../src/store/open-store.js";
import { type TaskName, WorkerThreads } from "../src/worker/threads.js";
import { runCli } from "./support/cli.js";
import { temporaryFolder } from "./support/filter.js";
import { sampleDump } from "./support/sample.js";

const QUIET = "--no-incremental-marking-task";
const AS_ALWAYS = "--incremental-marking-task";

/** What was set last. */
let flag = AS_ALWAYS;
/** What was set at the end of each thread that was started. */
const atExit: string[] = [];
const watch = (thread: Worker) => thread.once("exit", () => atExit.push(flag));

beforeEach(() => {
  const v8 = process.getBuiltinModule("node:v8");
  const set = v8.setFlagsFromString;
  vi.spyOn(v8, "setFlagsFromString").mockImplementation((word) => {
    if (word.endsWith("incremental-marking-task")) flag = word;
    set(word);
  });
  process.on("worker", watch);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.off("worker", watch);
  atExit.length = 0;
  expect(flag).toBe(AS_ALWAYS);
});

test("worker threads", async () => {
  const threads = new WorkerThreads(2);
  await threads.started;
  await threads.destroy();
  expect(new Set(atExit)).toEqual(new Set([QUIET]));
});

test("the store's thread", async () => {
  await openStore().close();
  expect(atExit).toEqual([QUIET]);
});

test("two at once, and one that cannot be ended: until the last", async () => {
  let letGo = (): void => undefined;
  const first = endThreads(() => new Promise<void>((resolve) => (letGo = resolve)));
  await expect(endThreads(() => Promise.reject(new Error("stays")))).rejects.toThrow("stays");
  expect(flag).toBe(QUIET);
  letGo();
  await first;
});

test("threads that signals end, several at once, beside tasks that wait: until the last of them", async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  const threads = new WorkerThreads(3);
  await threads.started;
  const controllers = Array.from({ length: 30 }, () => new AbortController());
  // A task that never ends would need a file of its own: threads that have not answered yet are ended, too.
  const runs = controllers.map(({ signal }) => threads.run("start" as TaskName, { task: undefined } as never, signal));
  for (const controller of controllers) controller.abort();
  const ends = await Promise.allSettled(runs);
  expect(ends.filter(({ status }) => status === "rejected").length).toBe(30);
  await vi.waitFor(() => expect(flag).toBe(AS_ALWAYS), { timeout: 60_000 });
  // With their successors, which live.
  expect(atExit.length).toBeGreaterThan(0);
  expect(new Set(atExit)).toEqual(new Set([QUIET]));
  await threads.destroy();
  expect(new Set(atExit)).toEqual(new Set([QUIET]));
  process.off("warning", warned);
  expect(warnings).toEqual([]);
});

test("a thread that has ended is not waited for", async () => {
  const thread = new Worker("", { eval: true });
  await once(thread, "exit");
  atExit.length = 0;
  threadEnds(thread);
  expect(flag).toBe(AS_ALWAYS);
});

test("the program, whose end ends its threads", async () => {
  const folder = temporaryFolder();
  writeFileSync(`${folder}/dump`, sampleDump());
  // Node calls `reallyExit` last, after all that listens to the process's end.
  writeFileSync(
    `${folder}/tell.cjs`,
    `const v8 = require("node:v8");
    const { writeSync } = require("node:fs");
    const { setFlagsFromString } = v8;
    v8.setFlagsFromString = (word) => { writeSync(2, word + ";"); setFlagsFromString(word); };
    const { reallyExit } = process;
    process.reallyExit = (code) => { writeSync(2, "exit"); reallyExit.call(process, code); };`,
  );
  const run = await runCli(["filter", "-d", "31", `${folder}/dump`, `${folder}/out`], {
    env: { NODE_OPTIONS: `--require ${folder}/tell.cjs` },
  });
  expect(run.code).toBe(0);
  expect(run.stderr).toContain(`${QUIET};exit`);
});
