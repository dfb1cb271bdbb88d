import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** How often a process's peak memory is read, in milliseconds. */
const LOOK = 20;
/** Clock ticks a second in the stat files of /proc: fixed in the interface to programs. */
const TICKS = 100;

/**
 * Runs a program to its end and measures it: wall and CPU seconds, and its peak resident memory in bytes. CPU time is
 * what the kernel adds to this process's children when one has ended (10 ms exact), so only one may run at a time.
 * Memory is the kernel's own high-water mark, read until the end. It is not taken from getrusage, where a started
 * program inherits the peak of the one that started it. After `limit` seconds, if given, the program is killed.
 * NODE_EXTRA_CA_CERTS is not handed on: with it Node reads a list of certificates at each start, 30 ms of its own.
 */
export async function measure({ file, args }, limit) {
  const before = childSeconds();
  const start = performance.now();
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], env });
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr = `${stderr}${data}`.slice(-2000);
  });
  let rss = 0;
  const look = () => {
    rss = Math.max(rss, peakMemory(child.pid));
  };
  const timer = setInterval(look, LOOK);
  const killer = limit === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), limit * 1000);
  const ended = await new Promise((resolve) => {
    child.on("error", (error) => resolve({ code: -1, signal: String(error), wall: 0 }));
    child.on("exit", (code, signal) => resolve({ code, signal, wall: (performance.now() - start) / 1000 }));
  });
  clearInterval(timer);
  clearTimeout(killer);
  const cpu = childSeconds() - before;
  const failure = ended.code === 0 ? undefined : `ended with ${ended.signal ?? ended.code}: ${lastLine(stderr)}`;
  return { wall: ended.wall, cpu, rss, ...(failure === undefined ? {} : { failure }) };
}

function lastLine(text) {
  return (
    text
      .trim()
      .split(/[\r\n]/)
      .at(-1) ?? ""
  );
}

/** User and system seconds of all ended children: cutime and cstime, fields 16 and 17. */
function childSeconds() {
  const text = readFileSync("/proc/self/stat", "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS;
}

function peakMemory(pid) {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return found ? Number(found[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}
