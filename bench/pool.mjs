// Pass 2 with 1, 2, 3, 4 workers, and how busy the main thread is:
//   node bench/pool.mjs DUMP [--level 31] [--codecs none,zlib,lzo,snappy,zstd] [--workers 1,2,3,4] [--out FILE]
// "idle" workers answer without doing anything: they show what the main thread can take at most. Without --out
// everything but the writing is done.
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { Piscina } from "piscina";
import { kernelView } from "../dist/filter/kernel-view.js";
import { initialPlan } from "../dist/filter/plan.js";
import { policyOfLevel } from "../dist/filter/policy.js";
import { countBits } from "../dist/reader/bitmap.js";
import { openDump } from "../dist/reader/open.js";
import { Warnings } from "../dist/warnings.js";
import { classifyPages } from "../dist/worker/classify-pages.js";
import { CODEC_FLAGS, codecOf } from "../dist/worker/codec/codecs.js";
import { encodeDump } from "../dist/worker/encode-dump.js";
import { WorkerPool } from "../dist/worker/pool.js";
import { TASKS_PER_THREAD, WorkerThreads } from "../dist/worker/threads.js";
import { dumpFacts } from "../dist/writer/collect-facts.js";
import { createFileSink } from "../dist/writer/file-sink.js";
import { KdumpWriter } from "../dist/writer/kdump-writer.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    level: { type: "string", default: "31" },
    codecs: { type: "string", default: "none,zlib,lzo,snappy,zstd" },
    workers: { type: "string", default: "1,2,3,4" },
    out: { type: "string" },
  },
});
if (positionals.length !== 1) {
  console.error("usage: node bench/pool.mjs DUMP [--level 31] [--codecs none,zlib] [--workers 1,2] [--out FILE]");
  process.exit(2);
}
const level = Number(values.level);
const dump = openDump(positionals[0]);
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

let pool;

async function run(codec, workers) {
  const threads = codec === "idle" ? idleThreads(workers) : new WorkerThreads(workers);
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
    writer = new KdumpWriter(sink, dumpFacts(dump, view, plan, level, "kdump"), plan, CODEC_FLAGS[real.name]);
    await writer.begin();
    const loop = performance.eventLoopUtilization();
    const cpu = process.cpuUsage();
    const start = performance.now();
    await encodeDump(pool, plan, (level & 1) !== 0, writer, () => {});
    const size = await writer.end();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const { utilization } = performance.eventLoopUtilization(loop);
    return { kept, seconds, cpu: (user + system) / 1e6, busy: utilization, size };
  } finally {
    await sink?.abort();
    await threads.destroy();
  }
}

const rows = [];
for (const codec of ["idle", ...values.codecs.split(",")]) {
  for (const workers of values.workers.split(",").map(Number)) {
    const { kept, seconds, cpu, busy, size } = await run(codec, workers);
    rows.push({
      codec,
      workers,
      "MB/s": ((kept * dump.pageSize) / seconds / 1e6).toFixed(0),
      "MB/CPU-s": ((kept * dump.pageSize) / cpu / 1e6).toFixed(0),
      "wall s": seconds.toFixed(2),
      "main thread busy": `${(100 * busy).toFixed(0)} %`,
      "us of it a task": ((1e6 * busy * seconds) / (kept / pool.layout.pages)).toFixed(0),
      "out MB": (size / 1e6).toFixed(0),
    });
  }
}
console.table(rows);
dump.close();
