/** Running other programs in tests: everything they say, their exit code, never a shell. */
import { spawn } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";

/** What a program said. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  /** Standard output goes into this file and not into the outcome. It passes through a pipe: no program can seek in it. */
  readonly stdoutFile?: string;
  /** This file comes in as standard input, through a pipe; otherwise there is none. */
  readonly stdinFile?: string;
}

/** Many times what any of these programs takes on the dumps here. crash loops for ever on some damaged lists. */
const limitMilliseconds = 120_000;

const { PATH } = process.env;

/**
 * The environment of the programs. They format by locale and terminal, and CI must not make them answer otherwise than a
 * desk does; makedumpfile is in /usr/sbin in some Debian versions, which is on root's PATH only.
 */
export const readerEnvironment = {
  ...process.env,
  PATH: `${PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
  LC_ALL: "C.UTF-8",
  TERM: "dumb",
  TZ: "UTC",
};

const READERS = new Set(["bpftool", "crash", "drgn", "gdb", "gdb-multiarch", "makedumpfile", "/usr/bin/python3"]);

/**
 * What starts a program: a reader may be that of another, newer system, named by TEST_READERS_CHROOT, which sees this repository and the temporary folder at
 * the same paths.
 */
export function commandOf(program: string, args: readonly string[]): readonly [string, readonly string[]] {
  const newer = process.env["TEST_READERS_CHROOT"];
  return newer === undefined || !READERS.has(program) ? [program, args] : ["chroot", [newer, program, ...args]];
}

/** Runs a program to its end. A program that cannot be started is an error; any exit code is an outcome. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(...commandOf(program, args), {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: limitMilliseconds,
    killSignal: "SIGKILL",
    env: readerEnvironment,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  // A program that ends before it has read everything says why by itself; the broken pipe adds nothing.
  child.stdin.on("error", () => {});
  if (options.stdinFile === undefined) {
    child.stdin.end();
  } else {
    createReadStream(options.stdinFile).pipe(child.stdin);
  }
  const [code, stdout, stderr] = await Promise.all([
    ended,
    options.stdoutFile === undefined
      ? text(child.stdout)
      : pipeline(child.stdout, createWriteStream(options.stdoutFile)).then(() => ""),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

/** Runs a program that has to succeed. */
export async function runWell(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(program, args, options);
  if (outcome.code !== 0) {
    throw new Error(
      `${[program, ...args].join(" ")} ended with code ${outcome.code}\n${outcome.stdout.slice(-2000)}${outcome.stderr.slice(-2000)}`,
    );
  }
  return outcome;
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
