/** Running the built program as its users do: a process of its own, its output, its exit code. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
if (!existsSync(program)) throw new Error("dist/cli/main.js is not there: run npm run build");

/** What is seen of a run in any case, whether it had a process of its own or not (cli-here.ts). */
export interface CliEnd {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliRun extends CliEnd {
  readonly signal: NodeJS.Signals | null;
  readonly milliseconds: number;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Variables that are other than in this process; `undefined` takes one away. */
  readonly env?: NodeJS.ProcessEnv;
  /** A shell command in which "$@" stands for the program with its arguments: for limits and redirections. */
  readonly shell?: string;
}

/** Starts the program; `ended` is there when it and all its output are done. */
export function startCli(args: readonly string[], options: CliOptions = {}) {
  const command = [process.execPath, program, ...args];
  const [file, ...rest] = options.shell === undefined ? command : ["/bin/bash", "-c", options.shell, "sh", ...command];
  const started = performance.now();
  const child: ChildProcessWithoutNullStreams = spawn(file as string, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  child.stdin.end();
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stderr.on("data", (data: Buffer) => stderr.push(data));
  const ended = new Promise<CliRun>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({
        ...{ code, signal },
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString(),
        milliseconds: performance.now() - started,
      }),
    );
  });
  return { child, ended, collect: () => child.stdout.on("data", (data: Buffer) => stdout.push(data)) };
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const run = startCli(args, options);
  run.collect();
  return run.ended;
}

/** What a run that went wrong has to be like: that exit code, nothing on stdout, and one line on stderr. */
export function expectFailure(run: CliEnd, code: number, ...says: readonly (string | RegExp)[]): void {
  expect({ code: run.code, stdout: run.stdout.toString(), lines: run.stderr.split("\n").length }, run.stderr).toEqual({
    code,
    stdout: "",
    lines: 2,
  });
  expect(run.stderr).toMatch(/^coresieve: .*\n$/);
  for (const text of says) expect(run.stderr).toMatch(text);
}

/** A file name in the folder of a test. */
export const inFolder = (folder: string) => (name: string) => join(folder, name);
