import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { ProgramRun } from "./bench-result.js";

/** Milliseconds between two readings of a process's peak memory. */
const LOOK = 20;
/** Clock ticks per second in the stat files of /proc: a fixed part of the interface to programs. */
const TICKS = 100;
/** Bytes that are kept of the end of a program's stderr. */
const KEPT_TEXT = 2000;

/** A program and its arguments. */
export interface ProgramCall {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * Runs a program to its end and measures it. CPU time is what the kernel adds to this process's children when one has
 * ended (exact to 10 ms), so only one may run at a time. Memory is the kernel's own high-water mark, read until the
 * end: in getrusage a started program inherits the peak of its parent. Both are available on Linux only. After `limit`
 * seconds the program is killed. NODE_EXTRA_CA_CERTS is not passed on: with it Node reads a list of certificates at
 * each start, which takes 30 ms.
 */
export async function runProgram(call: ProgramCall, limit?: number, signal?: AbortSignal): Promise<ProgramRun> {
  const before = childSeconds();
  const start = performance.now();
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(call.file, call.args, { stdio: ["ignore", "ignore", "pipe"], env, ...(signal && { signal }) });
  let said = "";
  child.stderr.on("data", (data) => {
    said = `${said}${data}`.slice(-KEPT_TEXT);
  });
  let rss: number | undefined;
  const timer = setInterval(() => {
    const now = child.pid === undefined ? undefined : peakMemory(child.pid);
    if (now !== undefined) rss = Math.max(rss ?? 0, now);
  }, LOOK);
  const killer = limit === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), limit * 1000);
  const ended = await new Promise<{ code: number | null; how: string; wall: number }>((resolve) => {
    child.on("error", (error) => resolve({ code: -1, how: String(error), wall: 0 }));
    child.on("exit", (code, how) =>
      resolve({ code, how: how ?? String(code), wall: (performance.now() - start) / 1000 }),
    );
  });
  clearInterval(timer);
  clearTimeout(killer);
  const after = childSeconds();
  return {
    wall: ended.wall,
    ...(before === undefined || after === undefined ? {} : { cpu: after - before }),
    ...(rss === undefined ? {} : { rss }),
    ...(ended.code === 0 ? {} : { failure: `ended with ${ended.how}: ${lastLine(said)}` }),
  };
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split(/[\r\n]/)
      .at(-1) ?? ""
  );
}

/** User and system seconds of all ended children: cutime and cstime, fields 16 and 17 (proc(5)). */
function childSeconds(): number | undefined {
  try {
    const text = readFileSync("/proc/self/stat", "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[13]) + Number(fields[14])) / TICKS;
  } catch {
    return undefined;
  }
}

function peakMemory(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}
