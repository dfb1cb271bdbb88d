// CPU time of the phases of a filter run, in a process that has done one before: what a service sees. Prints JSON.
//   node bench/support/phases.mjs WARM_UP_DUMP DUMP OUT LEVEL CODEC WORKERS RUNS

import { codecOf } from "../../dist/codec/codecs.js";
import { openDump } from "../../dist/reader/open.js";
import { filterDump } from "../../dist/run/filter-dump.js";
import { WorkerThreads } from "../../dist/worker/threads.js";

const [warmUp, dump, path, level, codec, workers, runs] = process.argv.slice(2);
const threads = new WorkerThreads(Number(workers));
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function run(input) {
  const opened = openDump(input);
  const marks = {};
  try {
    const result = await filterDump(opened, {
      output: { path, force: true },
      level: Number(level),
      format: "kdump",
      codec: codecOf(codec),
      workers: threads,
      onProgress({ phase }) {
        marks[phase] ??= cpu();
      },
    });
    const end = cpu();
    return {
      scan: marks.write - marks.classify,
      write: end - marks.write,
      pages: result.inputPages,
      kept: result.classes.kept,
      zero: result.classes.zero,
      size: result.outputBytes,
    };
  } finally {
    opened.close();
  }
}

for (let i = 0; i < 3; i++) await run(warmUp);
const found = [];
for (let i = 0; i < Number(runs); i++) found.push(await run(dump));
await threads.destroy();
console.log(JSON.stringify(found));
