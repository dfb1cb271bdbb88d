import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { startCli } from "./cli.js";

/** Runs the program, which must end with that exit code, and returns the most memory it had at once, in bytes. Linux only. */
export async function peakOf(args: readonly string[], code = 0): Promise<number> {
  const { child, ended, collect } = startCli(args);
  collect();
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
      peak = Math.max(peak, 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0));
    } catch {
      // It has just ended.
    }
  }, 10);
  const run = await ended;
  clearInterval(timer);
  expect(run.code, run.stderr).toBe(code);
  expect(peak).toBeGreaterThan(30e6);
  return peak;
}
