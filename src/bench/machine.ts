import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import type { BenchMachine } from "./bench-result.js";

/** File system type of tmpfs in statfs(2). */
const TMPFS = 0x0102_1994;

/** The machine that this program runs on, for figures whose outputs go to `folder`. */
export function thisMachine(folder: string, version: string): BenchMachine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    coresieve: version,
    load: loadavg().map((value) => Number(value.toFixed(2))),
    pressure: cpuPressure(),
    outputOnDisk: statfsSync(folder).type !== TMPFS,
    date: new Date().toISOString(),
  };
}

function cpuPressure(): number | undefined {
  try {
    const found = /avg60=([\d.]+)/.exec(readFileSync("/proc/pressure/cpu", "latin1"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}
