/** What may be said against a run in which a call went wrong. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { OLD, type Undisturbed, VICTIM } from "./run-call.js";
import type { Scenario } from "./scenarios.js";
import type { CallFault } from "./shim.js";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly hung: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What a run did in the end. */
export type CallOutcome = "the whole output" | "nothing, with one line" | "ended by Node: no memory";

export interface Judged {
  readonly outcome: CallOutcome;
  readonly problem: string | undefined;
}

export interface CallEvidence {
  readonly scenario: Scenario;
  readonly fault: CallFault;
  readonly before: Undisturbed;
  readonly ended: Ended;
  readonly folder: string;
  /** What lies in the run's folder, but for its inputs. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** How V8 ends a program that gets no memory where it cannot do without. */
const NO_MEMORY: ReadonlySet<string> = new Set(["SIGABRT", "SIGTRAP", "SIGILL"]);

/** Judges it: all that it wrote is whole, or nothing is there and one line says why. */
export function judge(evidence: CallEvidence): Judged {
  const { ended, fault, folder } = evidence;
  const problems: string[] = [];
  if (ended.hung) problems.push("it did not end");
  if (readFileSync(join(folder, "victim"), "utf8") !== VICTIM && !evidence.scenario.old)
    problems.push("what a link leads to was written to");
  if (ended.signal !== null && !ended.hung) {
    if (fault.call !== "map" || !NO_MEMORY.has(ended.signal)) problems.push(`ended by ${ended.signal}`);
    problems.push(...wrongOutputs(evidence));
    return { outcome: "ended by Node: no memory", problem: sentence(problems, ended) };
  }
  if (/^\s+at .*:\d+|internal error|mistake in coresieve|^node:/m.test(ended.stderr))
    problems.push("a stack, or an internal error");
  if (ended.code === 0) {
    problems.push(...notWhole(evidence));
    return { outcome: "the whole output", problem: sentence(problems, ended) };
  }
  problems.push(...notPlain(evidence), ...wrongOutputs(evidence), ...leftOver(evidence));
  if (fault.what === "EINTR" || fault.what === "short") problems.push("the system says to do that again");
  return { outcome: "nothing, with one line", problem: sentence(problems, ended) };
}

function sentence(problems: readonly string[], { code, stderr }: Ended): string | undefined {
  return problems.length === 0 ? undefined : `${problems.join("; ")} (exit code ${code}, stderr: ${stderr.trim()})`;
}

function isRight(name: string, bytes: Buffer, before: Undisturbed): boolean {
  const wanted = before.files.get(name);
  if (wanted === undefined) return false;
  // Both tell when, and how long, the run was.
  if (name.endsWith(".html")) {
    return (
      bytes.toString().trimEnd().endsWith("</html>") && Math.abs(bytes.length - wanted.length) < 0.02 * wanted.length
    );
  }
  if (name.endsWith(".json")) {
    const digest = createHash("sha256").update(before.files.get("to/out") as Buffer);
    return isJson(bytes) && bytes.includes(digest.digest("hex"));
  }
  return bytes.equals(wanted);
}

function isJson(bytes: Buffer): boolean {
  try {
    return typeof JSON.parse(bytes.toString()) === "object";
  } catch {
    return false;
  }
}

/** Exit code 0: every output is there and right, where it was asked for, and nothing else. */
function notWhole({ scenario, fault, before, ended, folder, files }: CallEvidence): string[] {
  const problems: string[] = [];
  for (const name of scenario.outputs) {
    const path = join(folder, "to", name);
    if (!existsSync(path)) problems.push(`no ${name}`);
    else if (lstatSync(path).isSymbolicLink() && !scenario.old)
      problems.push(`${name} is a link to ${readlinkSync(path)}`);
    else if (!isRight(`to/${name}`, readFileSync(path), before))
      problems.push(`${name} is not that of an undisturbed run`);
  }
  if (!ended.stdout.equals(before.stdout) && scenario.outputs.length === 0) problems.push("other bytes on stdout");
  const others = [...files.keys()].filter((name) => !before.files.has(name) && !isOfSwap(name, fault));
  for (const name of others)
    if (!ended.stderr.includes(basename(name))) problems.push(`left ${name}, and does not say so`);
  return problems;
}

/** What a run that did not end well has under its outputs' names is whole, or was there before. */
function wrongOutputs({ scenario, fault, before, files }: CallEvidence): string[] {
  return [...files].flatMap(([name, bytes]) => {
    if (!scenario.outputs.includes(basename(name)) || isRight(`to/${basename(name)}`, bytes, before)) return [];
    if (bytes.equals(Buffer.from(OLD)) && scenario.old) return [];
    if (fault.what === "take-name" && bytes.toString() === "taken") return [];
    return [`${name} is neither whole nor what was there`];
  });
}

/** In the staging folder of `shard-run.mjs`. */
const STAGING = ".coresieve-1d/";

/** Where the run's end says nothing of it, nothing is there. */
function leftOver({ scenario, fault, before, ended, files }: CallEvidence): string[] {
  return [...files.keys()].flatMap((name) => {
    if (isOfSwap(name, fault)) return [];
    // A run of shards is begun again with what is there.
    if (scenario.sharded && name.includes(STAGING)) return [];
    const isOutput = scenario.outputs.includes(basename(name));
    if (isOutput && (scenario.old || fault.what === "take-name" || saysWhole(ended.stderr))) return [];
    if (!isOutput && ended.stderr.includes(basename(name))) return [];
    return [`left ${name}${before.files.has(name) ? ", whole" : ""}, and does not say so`];
  });
}

/** An output that is whole stays where something behind it failed; the message says so. */
const saysWhole = (stderr: string) =>
  /\b(is|are) whole\b|\bstays?\b|\bis there\b|\bkept\b|\bwas written\b/.test(stderr);

/** Warnings, and how far a run is, which one on a busy machine says. */
const BESIDE =
  /^coresieve: (warning: |(\d+ % of all: )?(Reading|Writing|Looking|Taking|Classifying|Counting|Digest|Packing|Checking|Making) (?!.*cannot))/;
/** A limit of the whole process: no file is at fault. */
const NO_FILE = /^coresieve: this process has reached the limit of open files/;

function notPlain({ scenario, fault, ended, folder }: CallEvidence): string[] {
  const lines = ended.stderr.split("\n").filter((line) => line !== "" && !BESIDE.test(line));
  if (lines.length !== 1) return [`${lines.length} lines on stderr that say why`];
  const line = lines[0] as string;
  if (fault.call === "map" || NO_FILE.test(line)) return [];
  const names = [folder, ...scenario.outputs.map((name) => `/${name}`), "stdin", "stdout", "standard input", ".spool"];
  return names.some((name) => line.includes(name)) ? [] : ["names no file"];
}

/** What the shim itself put there or moved away, and what a run cannot find any more. */
function isOfSwap(name: string, { what }: CallFault): boolean {
  if (what === "swap-folder") return name.startsWith("moved/") || name.startsWith("elsewhere/");
  return (what === "swap-file" || what === "swap-link") && /\.away$|\.partial$|\.spool$|coresieve-1d\//.test(name);
}
