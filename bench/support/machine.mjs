import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

const TMPFS = 0x01021994;

/** The machine that a benchmark ran on. */
export function machine(folder) {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    load: loadavg().map((value) => Number(value.toFixed(2))),
    pressure: cpuPressure(),
    outputOnDisk: statfsSync(folder).type !== TMPFS,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

/** Share of the last minute in which something waited for a processor, in percent. */
function cpuPressure() {
  try {
    return Number(/avg60=([\d.]+)/.exec(readFileSync("/proc/pressure/cpu", "latin1"))?.[1]);
  } catch {
    return undefined;
  }
}

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}
