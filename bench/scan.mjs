// Pass 1 alone, in this thread: how many struct pages a second and core.
//   node bench/scan.mjs DUMP [--level 31] [--rounds 5]
// The dump should be in the page cache. With the first round, code is cold: a short run of coresieve sees no other.
import { parseArgs } from "node:util";
import { kernelView } from "../dist/filter/kernel-view.js";
import { initialPlan } from "../dist/filter/plan.js";
import { policyOfLevel } from "../dist/filter/policy.js";
import { countBits } from "../dist/reader/bitmap.js";
import { openDump } from "../dist/reader/open.js";
import { Warnings } from "../dist/warnings.js";
import { evenRanges } from "../dist/worker/chunks.js";
import { scanPages, scanState } from "../dist/worker/scan.js";
import { median } from "./support/statistics.mjs";

const TASK = 2 ** 17;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { level: { type: "string", default: "31" }, rounds: { type: "string", default: "5" } },
});
if (positionals.length !== 1) {
  console.error("usage: node bench/scan.mjs DUMP [--level 31] [--rounds 5]");
  process.exit(2);
}
const dump = openDump(positionals[0]);
const start = performance.now();
const view = kernelView(dump, new Warnings());
const found = performance.now() - start;
const policy = policyOfLevel(Number(values.level));
const kernel = { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy };
let structPages = 0;
for (let i = 0; i < view.memMap.count; i++) structPages += view.memMap.endPfn[i] - view.memMap.startPfn[i];

const times = [];
const cpus = [];
let kept = 0;
for (let round = 0; round < Number(values.rounds); round++) {
  const plan = initialPlan(dump, view);
  const state = scanState(dump.memory, dump.pageSize, plan.kept, kernel);
  const before = process.cpuUsage();
  const begin = performance.now();
  for (const range of evenRanges(plan.maxMapnr, TASK)) scanPages(state, range);
  times.push((performance.now() - begin) / 1000);
  const { user, system } = process.cpuUsage(before);
  cpus.push((user + system) / 1e6);
  kept = countBits(plan.kept, 0, plan.maxMapnr);
}
const rate = (seconds) => {
  const bytes = (structPages * view.layout.size) / seconds / 1e9;
  return `${(structPages / seconds / 1e6).toFixed(1)} million struct pages a second, ${bytes.toFixed(2)} GB/s`;
};
console.log(`${structPages} struct pages of ${view.layout.size} bytes, ${kept} pages kept at level ${values.level}`);
console.log(`kernel found in ${found.toFixed(1)} ms`);
console.log(`first round  ${rate(times[0])}`);
console.log(`median       ${rate(median(times))}`);
console.log(`best         ${rate(Math.min(...times))}`);
console.log(`CPU, median  ${rate(median(cpus))}`);
dump.close();
