/** One run of the built program with a call that goes wrong. */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import type { Inputs } from "../inputs.js";
import { type Ended, type Judged, judge } from "./judge-call.js";
import type { Scenario } from "./scenarios.js";
import { type CallFault, callsNoted, hitsNoted, shimEnvironment } from "./shim.js";

export interface CallStage {
  readonly folder: string;
  readonly root: string;
  readonly library: string;
  readonly inputs: Inputs;
  readonly undisturbed: Map<string, Promise<Undisturbed>>;
}

/** A run in which nothing went wrong: its calls, and what it wrote by path below the run's folder. */
export interface Undisturbed {
  readonly calls: ReadonlyMap<string, number>;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly stdout: Buffer;
}

/** What was there before the run: under the output's name, and where links lead to. */
export const OLD = "something old\n";
export const VICTIM = "nobody may write here\n";
/** Milliseconds after which a run hangs; one takes half a second, on a machine with nothing else to do. */
const HANG = 300_000;

let number = 0;

/** A run's own folder, with its inputs: the same files for all, and nothing writes to them. */
function prepare(stage: CallStage, scenario: Scenario) {
  const folder = join(stage.folder, `r${number++}`);
  for (const name of ["to", "in", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  const inputs = stage.inputs.of(scenario.input).map((path) => {
    const copy = join(folder, "in", basename(path));
    copyFileSync(path, copy);
    return copy;
  });
  writeFileSync(join(folder, "victim"), VICTIM);
  if (scenario.old) writeFileSync(join(folder, "to/out"), OLD);
  return { folder, inputs };
}

type Prepared = ReturnType<typeof prepare>;

/** Every file of a run's folder but its inputs, by path. */
function filesOf(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (!entry.isFile() || name.startsWith("in/") || name === "victim") continue;
    files.set(name, readFileSync(path));
  }
  return files;
}

function start(stage: CallStage, scenario: Scenario, { folder, inputs }: Prepared, env: NodeJS.ProcessEnv) {
  const words = scenario.words.flatMap((word) => (word === "IN" ? inputs : [word.replace("TO", join(folder, "to"))]));
  const program = scenario.sharded ? "fuzz/faults/calls/shard-run.mjs" : "dist/cli/main.js";
  const child = spawn(process.execPath, [join(stage.root, program), ...words], {
    cwd: join(folder, "tmp"),
    env: { ...process.env, TMPDIR: join(folder, "tmp"), NODE_OPTIONS: "", ...env },
    stdio: [scenario.piped ? "pipe" : "ignore", "pipe", "pipe"],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on("data", (data: Buffer) => stdout.push(data));
  child.stderr?.on("data", (data: Buffer) => stderr.push(data));
  // The program may end before it has read all.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(readFileSync(inputs[0] as string));
  return new Promise<Ended>((resolve) => {
    let hung = false;
    const watch = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, HANG);
    child.on("close", (code, signal) => {
      clearTimeout(watch);
      const out = Buffer.concat(stdout);
      resolve({ code, signal, hung, stdout: out, stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** The undisturbed run of a scenario, once. */
export function undisturbed(stage: CallStage, scenario: Scenario): Promise<Undisturbed> {
  const known = stage.undisturbed.get(scenario.name);
  if (known !== undefined) return known;
  const made = (async () => {
    const prepared = prepare(stage, scenario);
    const { folder } = prepared;
    const log = join(stage.folder, `${basename(folder)}.log`);
    const ended = await start(stage, scenario, prepared, shimEnvironment(stage.library, folder, log));
    const files = filesOf(folder);
    if (ended.code !== 0 || files.size !== scenario.outputs.length) {
      throw new Error(`${scenario.name}: the undisturbed run ended with ${ended.code}: ${ended.stderr}`);
    }
    const calls = callsNoted(log);
    rmSync(folder, { recursive: true });
    return { calls, files, stdout: ended.stdout };
  })();
  stage.undisturbed.set(scenario.name, made);
  return made;
}

export interface CallRun extends Judged {
  readonly hits: number;
  readonly stderr: string;
}

/** Runs a scenario with a fault, and judges it. A run of shards that failed is begun again, as a queue would, and must be whole then. */
export async function runCall(stage: CallStage, scenario: Scenario, fault: CallFault): Promise<CallRun> {
  const before = await undisturbed(stage, scenario);
  const prepared = prepare(stage, scenario);
  const { folder } = prepared;
  const log = join(stage.folder, `${basename(folder)}.log`);
  writeFileSync(log, "");
  try {
    const ended = await start(stage, scenario, prepared, shimEnvironment(stage.library, folder, log, fault));
    const judged = judge({ scenario, fault, before, ended, folder, files: filesOf(folder) });
    const { stderr } = ended;
    const problem =
      judged.problem ??
      (fault.what === "swap-folder" ? undefined : await begunAgain(stage, scenario, prepared, before, ended));
    return { outcome: judged.outcome, problem, hits: hitsNoted(log), stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(log);
  }
}

async function begunAgain(
  stage: CallStage,
  scenario: Scenario,
  prepared: Prepared,
  before: Undisturbed,
  { code }: Ended,
): Promise<string | undefined> {
  if (!scenario.sharded || code === 0 || existsSync(join(prepared.folder, "to/out"))) return undefined;
  const again = await start(stage, scenario, prepared, {});
  const out = filesOf(prepared.folder).get("to/out");
  if (again.code !== 0) return `begun again: exit code ${again.code}: ${again.stderr.slice(0, 300)}`;
  if (out === undefined || !out.equals(before.files.get("to/out") as Buffer)) return "begun again: another output";
  return undefined;
}
