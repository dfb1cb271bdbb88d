/**
 * A campaign of faults: runs of the built program, each with a fault taken by chance, each judged. Prints a line for each run that
 * did what none may do, with its seed, and a table.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { WorkerThreads } from "../../src/worker/threads.js";
import { callCampaign, callStage } from "./calls/campaign.js";
import { chosenCase } from "./fault-case.js";
import { Inputs } from "./inputs.js";
import { type Outcome, rootOf, runCase } from "./run-case.js";

const HELP = `npm run faults -- [options]: runs of the built program in which something goes wrong

  --runs N      (default 100); with --calls those in which the fault was hit
  --seed N      begins with that number (default: the clock's)
  --calls       a call of the system fails, or a name is exchanged, at its Nth time
  --only TEXT   with --calls: scenarios with this in their names
  --jobs N      with --calls: runs at once (default 1)
  --verbose     a line for each run
  --help        prints this text
`;

/** Throws for what is no option. */
function readWords() {
  return parseArgs({
    options: {
      runs: { type: "string", default: "100" },
      seed: { type: "string" },
      verbose: { type: "boolean", default: false },
      calls: { type: "boolean" },
      jobs: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function options() {
  try {
    return readWords();
  } catch (error) {
    console.error(`${(error as Error).message}; npm run faults -- --help`);
    process.exit(2);
  }
}

const values = options();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const runs = Number(values.runs);
const first = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const folder = mkdtempSync(join(tmpdir(), "coresieve-faults-"));
try {
  if (values.calls) await calls();
  else await chances();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function calls(): Promise<void> {
  const stage = callStage(rootOf(import.meta.url), folder);
  if (stage === undefined) throw new Error("--calls needs Linux and gcc");
  const settings = { runs, first, jobs: Number(values.jobs), verbose: values.verbose, only: values.only };
  if (!(await callCampaign(stage, settings))) process.exitCode = 1;
}

async function chances(): Promise<void> {
  const threads = new WorkerThreads(1);
  const inputs = new Inputs(join(folder, "inputs"));
  const stage = { folder, root: rootOf(import.meta.url), inputs, threads, undisturbed: new Map() };
  const table = new Map<string, { runs: number; hit: number; problems: number; outcomes: Map<Outcome, number> }>();
  const began = performance.now();
  try {
    for (let i = 0; i < runs; i++) {
      const seed = first + i;
      const one = chosenCase(seed);
      const { outcome, problem, hit } = await runCase(stage, one);
      const row = table.get(one.fault.group) ?? { runs: 0, hit: 0, problems: 0, outcomes: new Map() };
      table.set(one.fault.group, row);
      row.runs++;
      if (hit) row.hit++;
      row.outcomes.set(outcome, (row.outcomes.get(outcome) ?? 0) + 1);
      if (problem !== undefined) row.problems++;
      const { group: _, ...fault } = one.fault;
      const line = `seed ${seed}: ${one.format} ${one.options.join(" ")} ${JSON.stringify(fault)}`;
      if (problem !== undefined) console.log(`PROBLEM ${line}: ${problem}`);
      else if (values.verbose) console.log(`${line}: ${outcome}`);
    }
  } finally {
    await threads.destroy();
  }
  console.log(`\n${runs} runs from seed ${first}, ${Math.round((performance.now() - began) / 1000)} s`);
  for (const [group, row] of [...table].sort(([a], [b]) => a.localeCompare(b))) {
    const outcomes = [...row.outcomes].map(([outcome, count]) => `${count} ${outcome}`);
    console.log(`${group}: ${row.runs} runs, hit in ${row.hit}: ${outcomes.join(", ")}; problems: ${row.problems}`);
    if (row.problems > 0) process.exitCode = 1;
  }
}
