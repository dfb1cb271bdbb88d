// Fuzzing: `npm run fuzz -- --help`. Campaigns: fuzz/campaign.mjs. Findings: fuzz/one-target.mjs; test/fuzz/corpus.test.ts reads them in
// every `npm test`.
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

const HELP = `npm run fuzz -- [options]: changes small dumps and built kernels, reads them, and keeps what reaches new code

Each target gets its share of the time, in a process of its own. Findings are saved to fuzz/corpus/, each with a line in
fuzz/corpus/README.md; the exit code is 1 then.

  --minutes N      by the clock, for all targets (default 10; a campaign's: no end)
  --target NAME    this one; may be repeated (default: all)
  --jobs N         targets at once, 1 to 4 (default 1)
  --seed N         begins with that number (default: the clock's)
  --dump FILE      an ELF dump of a 64-bit kernel that run-structs damages beside the built ones; may be repeated
  --campaign       goes on until each target has had its CPU minutes, the one that lacks most first; stopped, it goes on next time
  --goal N         CPU minutes of each target in a campaign (default 10)
  --runs-goal N    the same of each whose inputs are whole runs (default 60)
  --fresh          a campaign that counts from nothing
  --report         prints what campaigns did until now
  --help           prints this text

Targets: ${lines(TARGETS).join("\n         ")}
`;

/** Names, some in a line. */
function lines(names) {
  const all = [""];
  for (const name of names) {
    if (all.at(-1).length + name.length > 100) all.push("");
    all.push(`${all.pop()}${name} `);
  }
  return all.map((line) => line.trimEnd());
}

function wrong(text) {
  console.error(`${text}; npm run fuzz -- --help`);
  process.exit(2);
}

function readOptions(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    return wrong(error.message.split(". ")[0]);
  }
}

const { values } = readOptions({
  options: {
    help: { type: "boolean" },
    minutes: { type: "string" },
    target: { type: "string", multiple: true },
    seed: { type: "string" },
    jobs: { type: "string", default: "1" },
    dump: { type: "string", multiple: true },
    campaign: { type: "boolean" },
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

const notNumber = ["minutes", "seed", "jobs", "goal", "runs-goal"].find((name) => !(Number(values[name] ?? 1) >= 0));
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
if (notNumber !== undefined) wrong(`--${notNumber} ${values[notNumber]}: must be a number`);
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
  if (unknown !== undefined) wrong(`--target ${unknown}: unknown target`);
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
