// Fuzzing: `npm run fuzz -- [--minutes N] [--target NAME] [--seed N] [--jobs N] [--dump FILE]` gives each target its share of the
// minutes, in a process of its own. `--campaign [--goal N] [--runs-goal N] [--fresh]` goes on, in the background, until every target has
// had its CPU minutes (fuzz/campaign.mjs); `--report` prints what it did. Findings: fuzz/one-target.mjs; test/fuzz/corpus.test.ts
// reads them in every `npm test`.
import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.mjs";
import { readCampaign, reportOf, runCampaign } from "./campaign.mjs";
import { fuzzTarget } from "./one-target.mjs";
import { SHARES, TARGETS } from "./target-list.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const { values } = parseArgs({
  options: {
    // Wall-clock minutes. Default: 10; a campaign's: none.
    minutes: { type: "string" },
    target: { type: "string", multiple: true },
    seed: { type: "string" },
    jobs: { type: "string", default: "1" },
    // ELF dumps of 64-bit kernels, which run-structs damages beside the built ones.
    dump: { type: "string", multiple: true },
    campaign: { type: "boolean" },
    // CPU minutes of each target, and of each with whole runs.
    goal: { type: "string", default: "10" },
    "runs-goal": { type: "string", default: "60" },
    fresh: { type: "boolean", default: false },
    report: { type: "boolean" },
    // Of the process of one target.
    only: { type: "string" },
    seconds: { type: "string" },
    cpu: { type: "string" },
  },
});
const goals = { each: Number(values.goal), runs: Number(values["runs-goal"]) };
const lanes = Math.max(1, Math.min(4, Number(values.jobs)));
const children = new Set();
let stopping = false;

if (values.only !== undefined) await only(values.only);
else if (values.report) console.log(reportOf(readCampaign(false), goals).join("\n"));
else await several(values.target ?? TARGETS);

/** The process of one target. */
async function only(name) {
  const limits = { seconds: Number(values.seconds ?? Infinity), cpuSeconds: Number(values.cpu ?? Infinity) };
  const done = await fuzzTarget(name, { ...limits, seed: Number(values.seed) });
  await new Promise((sent) => (process.send === undefined ? sent() : process.send(done, sent)));
  process.exit(done.findings.length > 0 ? 1 : 0);
}

async function several(names) {
  const unknown = names.find((name) => !TARGETS.includes(name));
  if (unknown !== undefined) throw new Error(`there is no target ${unknown}; there are ${TARGETS.join(", ")}`);
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      stopping = true;
      for (const child of children) child.kill("SIGTERM");
    });
  }
  const { counters } = await bundle();
  console.log(`${counters} branches in the sources; ${names.length} targets\n`);
  console.log("target             executions  branches  inputs  CPU s  findings");
  if (values.campaign) await campaign(names);
  else await shares(names, 60 * Number(values.minutes ?? 10));
}

async function campaign(names) {
  setPriority(19);
  const end = Date.now() + 60_000 * Number(values.minutes ?? Infinity);
  const isOver = () => stopping || Date.now() > end;
  const left = () => (end === Infinity ? [] : ["--seconds", `${Math.max(1, (end - Date.now()) / 1000)}`]);
  const slice = (name, cpu) => child(name, ["--cpu", `${cpu}`, ...left()]);
  const done = await runCampaign(names, { goals, fresh: values.fresh, isOver, lanes }, slice);
  console.log(`\n${reportOf(done, goals).join("\n")}`);
}

/** `--jobs` targets at once; each gets time by its share. */
async function shares(names, seconds) {
  const all = names.reduce((sum, name) => sum + (SHARES[name] ?? 1), 0);
  const waiting = [...names];
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined && !stopping; name = waiting.shift()) {
      await child(name, ["--seconds", `${(lanes * seconds * (SHARES[name] ?? 1)) / all}`]);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** What a target did in a process of its own; undefined where that broke. */
async function child(name, limits) {
  const dumps = (values.dump ?? []).map((path) => resolvePath(path));
  const environment = { ...process.env, CORESIEVE_FUZZ_DUMPS: JSON.stringify(dumps) };
  const seed = values.seed ?? `${Date.now() % 2 ** 31}`;
  const args = [fileURLToPath(import.meta.url), "--only", name, "--seed", seed, ...limits];
  const started = spawn(process.execPath, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    cwd: root,
    env: environment,
  });
  children.add(started);
  if (stopping) started.kill("SIGTERM");
  let done;
  started.on("message", (message) => {
    done = message;
  });
  const end = await new Promise((resolve) => started.on("close", (code, signal) => resolve(signal ?? code)));
  children.delete(started);
  if (done === undefined) console.log(`FINDING ${name}: its process ended by ${end}`);
  else console.log(lineOf(done));
  if (end !== 0) process.exitCode = 1;
  return done;
}

function lineOf({ name, executions, branches, inputs, cpuSeconds, findings }) {
  const columns = [`${executions}`.padStart(11), `${branches}`.padStart(10), `${inputs}`.padStart(8)];
  return `${name.padEnd(18)}${columns.join("")}${cpuSeconds.toFixed(0).padStart(7)}${`${findings.length}`.padStart(10)}`;
}
