// Pass 2 with 1, 2, 3, 4 workers: node bench/pool.mjs --help
import { readFileSync, rmSync } from "node:fs";
import { Piscina } from "piscina";
import { median } from "../dist/bench/timing.js";
import { codecOf } from "../dist/codec/codecs.js";
import { initialPlan } from "../dist/filter/plan.js";
import { policyOfLevel } from "../dist/filter/policy.js";
import { kernelView } from "../dist/kernel/kernel-view.js";
import { countBits } from "../dist/reader/bitmap.js";
import { openDump } from "../dist/reader/open.js";
import { Warnings } from "../dist/warnings.js";
import { classifyPages } from "../dist/worker/classify-pages.js";
import { encodeDump } from "../dist/worker/encode-dump.js";
import { WorkerPool } from "../dist/worker/pool.js";
import { TASKS_PER_THREAD, WorkerThreads } from "../dist/worker/threads.js";
import { createFileSink } from "../dist/writer/file-sink.js";
import { createWriter, describeOutput } from "../dist/writer/output-description.js";
import { CODECS, list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/pool.mjs DUMP [options]: pass 2 with 1, 2, 3, 4 workers

What a task costs the main thread and a worker, and how many workers keep the
main thread busy. "idle" workers answer without doing anything, as if codecs
cost nothing: they show what the main thread takes at most. The main thread does
no tasks here. Its CPU time is the system's count for that thread (Linux only);
the workers' is all that is left of the process. Medians of the runs. Needs npm
run build.

  --level N         dump level (default 31)
  --codecs LIST     beside idle (default none,zlib,lzo,snappy,zstd)
  --workers LIST    numbers of workers (default 1,2,3,4)
  --runs N          (default 3)
  --out FILE        write it; without it everything but the writing is done
  --help            print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    level: whole(31, 0, 31),
    codecs: list(CODECS.join(","), oneOf("", CODECS)),
    workers: list("1,2,3,4", whole(1, 1, 64)),
    runs: whole(3, 1),
    out: text(),
  },
  [1, 1],
);
const { level } = values;
const dump = openDump(files[0]);
const view = kernelView(dump, new Warnings());
const kernel = { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy: policyOfLevel(level) };

/** A sink that keeps nothing. */
const nowhere = { name: "nowhere", write() {}, async finish() {}, async abort() {} };

/** Threads of `idle-worker.mjs`, as WorkerThreads has them. */
function idleThreads(count) {
  const piscina = new Piscina({
    filename: new URL("support/idle-worker.mjs", import.meta.url).href,
    minThreads: count,
    maxThreads: count,
    concurrentTasksPerWorker: TASKS_PER_THREAD,
    atomics: "disabled",
  });
  return {
    count,
    early: count,
    // The main thread is never to do a task itself.
    ready: Number.POSITIVE_INFINITY,
    run: (name, { task }) =>
      piscina.run({ task: { ...task, slotSize: pool.layout.size, pages: task.pages } }, { name }),
    destroy: () => piscina.destroy(),
  };
}

/** Threads as they are, but that the main thread does nothing in their stead. */
function busyThreads(count) {
  const threads = new WorkerThreads(count);
  const run = (name, request) => threads.run(name, request);
  return { count, early: threads.early, ready: Number.POSITIVE_INFINITY, run, destroy: () => threads.destroy() };
}

/** CPU seconds of the main thread; only Linux counts them. */
function mainCpu() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e9;
}

let pool;

async function run(codec, workers) {
  const threads = codec === "idle" ? idleThreads(workers) : busyThreads(workers);
  const plan = initialPlan(dump, view);
  const real = codecOf(codec === "idle" ? "none" : codec);
  const context = { image: dump.image, pageSize: dump.pageSize, kept: plan.kept, kernel, codec: real };
  pool = new WorkerPool(threads, context);
  let writer = { add() {} };
  let sink;
  try {
    if (codec === "idle") {
      const helpers = new WorkerThreads(1);
      await classifyPages(new WorkerPool(helpers, context), plan, new Warnings(), () => {});
      await helpers.destroy();
      const { encode } = pool;
      const pagesIn = ({ startPfn, endPfn }) => countBits(plan.kept, startPfn, endPfn);
      pool.encode = (task) => encode.call(pool, { ...task, pages: pagesIn(task) });
    } else await classifyPages(pool, plan, new Warnings(), () => {});
    const kept = countBits(plan.kept, 0, plan.maxMapnr);
    if (values.out) rmSync(values.out, { force: true });
    sink = values.out ? createFileSink(values.out, { force: true, inputs: [] }) : nowhere;
    const planned = { described: dump, shown: view, plan, level, incomplete: false };
    writer = createWriter(describeOutput(planned, "kdump", real.name), plan, sink);
    await writer.begin();
    const cpu = process.cpuUsage();
    const before = mainCpu();
    const start = performance.now();
    await encodeDump(pool, plan, (level & 1) !== 0, writer, () => {});
    const size = await writer.end();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { kept, seconds, cpu: (user + system) / 1e6, main: mainCpu() - before, size };
  } finally {
    await sink?.abort();
    await threads.destroy();
  }
}

const rows = [];
for (const codec of ["idle", ...values.codecs]) {
  for (const workers of values.workers) {
    const runs = [];
    for (let i = 0; i < values.runs; i++) runs.push(await run(codec, workers));
    const of = (key) => median(runs.map((one) => one[key]));
    const [kept, size] = [of("kept"), of("size")];
    const tasks = kept / pool.layout.pages;
    const main = of("main") / tasks;
    const worker = (of("cpu") - of("main")) / tasks;
    rows.push({
      codec,
      workers,
      "wall s": of("seconds").toFixed(2),
      "MB/s": ((kept * dump.pageSize) / of("seconds") / 1e6).toFixed(0),
      "CPU us a task: main thread": (1e6 * main).toFixed(0),
      "a worker": (1e6 * worker).toFixed(0),
      "workers that keep the main thread busy": codec === "idle" ? "" : (worker / main).toFixed(1),
      "the main thread's most, MB/s": ((pool.layout.pages * dump.pageSize) / main / 1e6).toFixed(0),
      "out MB": (size / 1e6).toFixed(0),
    });
  }
}
console.table(rows);
dump.close();
