/** One run of the built program with a fault, and what may be said against how it ended. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DumpError } from "../../src/errors.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import type { WorkerThreads } from "../../src/worker/threads.js";
import type { Fault, FaultCase } from "./fault-case.js";
import type { Inputs } from "./inputs.js";

/** How a run ended. */
export type Outcome =
  | "the whole output"
  | "a part, marked incomplete"
  | "nothing, with one line"
  | "killed: nothing"
  | "killed: the whole output";

export interface Judged {
  readonly outcome: Outcome;
  /** Whether the fault really happened: the call was made, the run had not ended yet. Pipes always do. */
  readonly hit: boolean;
  /** What no run may do. */
  readonly problem: string | undefined;
}

/** Where runs take place, and what they are compared with. */
export interface Stage {
  /** A folder for everything; must be empty. */
  readonly folder: string;
  /** The repository: the built program, the file that injects faults. */
  readonly root: string;
  readonly inputs: Inputs;
  readonly threads: WorkerThreads;
  /** Undisturbed outputs by input and options: their bytes, and how long they took. */
  readonly undisturbed: Map<string, Undisturbed>;
}

interface Undisturbed {
  readonly output: Buffer | undefined;
  readonly code: number | null;
  readonly milliseconds: number;
}

/** Milliseconds after which a run hangs. One takes half a second. */
const HANG = 60_000;
const PARTIAL = /^\.out\.[0-9a-f]{8}\.partial$/;
const SPOOL = /^\.coresieve-[0-9a-f]{16}\.spool$/;

let number = 0;

/** Runs a case and judges it. */
export async function runCase(stage: Stage, one: FaultCase): Promise<Judged> {
  const before = await undisturbed(stage, one);
  const folder = join(stage.folder, `${number++}`);
  const to = join(folder, "to");
  mkdirSync(to, { recursive: true });
  const inputs = stage.inputs.of(one.format).map((path) => {
    const copy = join(folder, basename(path));
    copyFileSync(path, copy);
    return copy;
  });
  try {
    const run = await disturbed(stage, one, inputs, folder, before);
    return { ...(await judge(stage, one, before, run, folder)), hit: run.hit };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly hung: boolean;
  readonly milliseconds: number;
}

async function undisturbed(stage: Stage, { format, options }: FaultCase): Promise<Undisturbed> {
  const key = `${format} ${options.join(" ")}`;
  const known = stage.undisturbed.get(key);
  if (known !== undefined) return known;
  const folder = join(stage.folder, "undisturbed");
  mkdirSync(folder, { recursive: true });
  const output = join(folder, "out");
  const ended = await start(stage, [...stage.inputs.of(format), output, ...options], folder, {}).ended;
  const found = {
    output: existsSync(output) ? readFileSync(output) : undefined,
    code: ended.code,
    milliseconds: ended.milliseconds,
  };
  rmSync(folder, { recursive: true });
  stage.undisturbed.set(key, found);
  return found;
}

function start(stage: Stage, args: readonly string[], folder: string, env: NodeJS.ProcessEnv, stdin = false) {
  const began = performance.now();
  const child = spawn(process.execPath, [join(stage.root, "dist/cli/main.js"), ...args], {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: "", ...env },
    stdio: [stdin ? "pipe" : "ignore", "pipe", "pipe"],
  });
  const stderr: Buffer[] = [];
  child.stderr?.on("data", (data: Buffer) => stderr.push(data));
  child.stdout?.resume();
  const ended = new Promise<Ended>((resolve) => {
    let hung = false;
    const watch = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, HANG);
    child.on("close", (code, signal) => {
      clearTimeout(watch);
      const text = Buffer.concat(stderr).toString();
      resolve({ code, signal, stderr: text, hung, milliseconds: performance.now() - began });
    });
  });
  return { child, ended };
}

async function disturbed(
  stage: Stage,
  { fault, options }: FaultCase,
  inputs: readonly string[],
  folder: string,
  { milliseconds }: Undisturbed,
): Promise<Ended & { readonly hit: boolean }> {
  const args = [...inputs, join(folder, "to/out"), ...options];
  switch (fault.kind) {
    case "call": {
      const hits = `${folder}.hits`;
      const run = await start(stage, args, folder, { ...injected(stage, fault), CORESIEVE_TEST_FAULT_HITS: hits })
        .ended;
      const hit = existsSync(hits) && statSync(hits).size > 0;
      rmSync(hits, { force: true });
      return { ...run, hit };
    }
    case "pipe":
      return { ...(await throughPipe(stage, fault, options, inputs[0] as string, folder)), hit: true };
    default: {
      const { child, ended } = start(stage, args, folder, {});
      await sleep(milliseconds * fault.at);
      const hit = child.exitCode === null && child.signalCode === null;
      disturb(fault, child, inputs, folder);
      return { ...(await ended), hit };
    }
  }
}

function injected({ root }: Stage, { inject, heap }: Fault & { kind: "call" }): NodeJS.ProcessEnv {
  const preload = join(root, "test/support/inject-fault.cjs");
  const memory = heap === undefined ? "" : ` --max-old-space-size=${heap}`;
  return { CORESIEVE_TEST_FAULT: JSON.stringify(inject), NODE_OPTIONS: `--require ${preload}${memory}` };
}

function disturb(fault: Fault, child: ChildProcess, inputs: readonly string[], folder: string): void {
  const path = inputs[inputs.length - 1] as string;
  const to = join(folder, "to");
  if (fault.kind === "signal") child.kill(fault.signal);
  if (fault.kind === "folder") {
    if (fault.change === "removed") rmSync(to, { recursive: true, force: true });
    else if (fault.change === "moved") renameSync(to, join(folder, "elsewhere"));
    else if (!existsSync(join(to, "out"))) writeFileSync(join(to, "out"), "taken", { flag: "wx" });
  }
  if (fault.kind !== "input") return;
  const where = Math.floor(statSync(path).size * fault.where);
  if (fault.change === "cut off") truncateSync(path, where);
  else if (fault.change === "longer") appendFileSync(path, Buffer.alloc(5000, 0xa5));
  else if (fault.change === "removed") rmSync(path);
  else if (fault.change === "replaced") {
    writeFileSync(`${path}.new`, Buffer.alloc(9000, 0x5a));
    renameSync(`${path}.new`, path);
  } else {
    const fd = openSync(path, "r+");
    writeSync(fd, Buffer.alloc(3000, 0xc3), 0, 3000, where);
    closeSync(fd);
  }
}

/** From a pipe that ends, or stops and then ends; or to stdout, flattened, whose reader goes. */
async function throughPipe(
  stage: Stage,
  { end, where }: Fault & { kind: "pipe" },
  options: readonly string[],
  input: string,
  folder: string,
): Promise<Ended> {
  if (end === "reader") {
    const { child, ended } = start(stage, ["-F", input, ...options.filter((word) => word !== "-E")], folder, {});
    child.stdout?.pause();
    await sleep(600 * where);
    child.stdout?.destroy();
    return ended;
  }
  const { child, ended } = start(stage, ["-", join(folder, "to/out"), ...options], folder, {}, true);
  const length = Math.floor(statSync(input).size * where);
  // The program may end before it has read all.
  child.stdin?.on("error", () => undefined);
  if (length === 0) child.stdin?.end();
  else {
    const source = createReadStream(input, { end: length - 1 });
    source.pipe(child.stdin as NodeJS.WritableStream, { end: end === "cut" });
    if (end === "stops") setTimeout(() => child.stdin?.end(), 1500);
  }
  return ended;
}

async function judge(
  stage: Stage,
  one: FaultCase,
  before: Undisturbed,
  run: Ended,
  folder: string,
): Promise<Omit<Judged, "hit">> {
  const { fault, options } = one;
  const wanted = fault.kind === "signal" ? fault.signal : undefined;
  const killed = run.signal !== null;
  const places = [join(folder, "to"), join(folder, "elsewhere")].filter((path) => existsSync(path));
  const found = places.flatMap((path) => readdirSync(path).map((name) => join(path, name)));
  const output = found.find((path) => basename(path) === "out");
  const problems: string[] = [];
  if (run.hung) problems.push(`no end after ${HANG / 1000} s`);
  else if (killed && run.signal !== wanted) problems.push(`ended by ${run.signal}`);
  const codes = [0, 1, ...(wanted === undefined ? [] : [128 + constants.signals[wanted]])];
  if (!killed && !codes.includes(run.code ?? -1)) problems.push(`exit code ${run.code}`);
  if (/^\s+at .*:\d+|internal error|^node:/m.test(run.stderr)) problems.push("a stack, or an internal error");
  const lines = run.stderr.split("\n").filter((line) => /^coresieve: (?!warning: )/.test(line));
  if (!killed && run.code !== 0 && lines.length !== 1) problems.push(`${lines.length} lines on stderr that say why`);
  const left = [...found, ...readdirSync(folder).map((name) => join(folder, name))].map((path) => basename(path));
  if (isHarmless(fault) && run.code !== before.code) problems.push(`exit code ${run.code}, undisturbed ${before.code}`);
  const temporary = left.filter((name) => PARTIAL.test(name) || SPOOL.test(name));
  // A folder that was moved away takes the file with it, and nobody knows where to.
  const mayLeave = killed || (fault.kind === "folder" && fault.change === "moved") || unlinkFails(fault);
  if (temporary.length > 0 && !mayLeave) problems.push(`left ${temporary.join(", ")}`);

  const taken = output !== undefined && statSync(output).size < 6 && readFileSync(output, "latin1") === "taken";
  let outcome: Outcome = killed ? "killed: nothing" : "nothing, with one line";
  if (output === undefined || taken) {
    const toStdout = fault.kind === "pipe" && fault.end === "reader";
    const gone = fault.kind === "folder" && fault.change === "removed";
    if (run.code === 0 && !toStdout && !gone) problems.push("exit code 0 and no output");
    if (run.code === 0) outcome = "the whole output";
  } else {
    const same = before.output !== undefined && readFileSync(output).equals(before.output);
    const state = same ? "whole" : await stateOf(stage, output);
    const mayBePart = options.includes("incomplete") || options.includes("--salvage");
    if (state === "incomplete" && mayBePart) outcome = "a part, marked incomplete";
    else if (state === "whole" && (same || mayDiffer(one)))
      outcome = killed ? "killed: the whole output" : "the whole output";
    else
      problems.push(
        state === "whole" ? "an output that differs from the undisturbed one" : `an output that is ${state}`,
      );
  }
  const problem = problems.length === 0 ? undefined : `${problems.join("; ")} (stderr: ${run.stderr.slice(0, 600)})`;
  return { outcome, problem };
}

/** What the system may do at any time, and says to do again. */
function isHarmless(fault: Fault): boolean {
  return fault.kind === "call" && (fault.inject.what === "EINTR" || fault.inject.what === "short");
}

/** A file that cannot be removed is left. */
function unlinkFails(fault: Fault): boolean {
  return fault.kind === "call" && fault.inject.call === "unlinkSync";
}

/** Whether a whole output may have other bytes than the undisturbed one: of an input written to before it was opened, of another level. */
function mayDiffer({ fault, options }: FaultCase): boolean {
  return (fault.kind === "input" && fault.change === "written to") || options.includes("0,31");
}

async function stateOf({ threads }: Stage, path: string): Promise<string> {
  try {
    const { findings } = await verifyDump(path, { workers: threads });
    const marked = findings.some(({ kind }) => kind === "incomplete");
    const others = findings.filter(({ kind }) => kind !== "incomplete" && kind !== "kernel");
    if (marked) return "incomplete";
    return others.length === 0 ? "whole" : `wrong: ${others.map(({ message }) => message).join(", ")}`;
  } catch (error) {
    if (error instanceof DumpError) return `no dump: ${error.message}`;
    throw error;
  }
}

/** The repository, of a file two folders below it. */
export const rootOf = (url: string) => fileURLToPath(new URL("../..", url));
