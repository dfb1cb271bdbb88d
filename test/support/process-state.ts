/** What belongs to a process that test files share: what a file changed of it must not be met by the next. */
import { subscribe } from "node:diagnostics_channel";
import type { Worker } from "node:worker_threads";

const EVENTS = [
  ...["SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGXCPU"],
  "uncaughtException",
];

/** Threads of stores that run still. One that is left would serve the next file in the environment of this one. */
const storeThreads = new Set<Worker>();
subscribe("worker_threads", (message) => {
  if (!new Error().stack?.includes("open-store")) return;
  const { worker } = message as { readonly worker: Worker };
  storeThreads.add(worker);
  worker.once("exit", () => storeThreads.delete(worker));
});

export interface ProcessState {
  /** The environment is as it was. */
  takeBack(): void;
  /** Throws if something else is not as it was. */
  check(): void;
}

/** What is compared: by names that a failure shows. */
function facts() {
  return {
    "the working folder": process.cwd(),
    "the mask of new files": process.umask(),
    "the exit code": process.exitCode,
    ...Object.fromEntries(EVENTS.map((name) => [`handlers of ${name}`, process.listenerCount(name)])),
  } as const;
}

export function processState(): ProcessState {
  const environment = { ...process.env };
  const before = facts();
  const stores = storeThreads.size;
  return {
    takeBack() {
      for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
      for (const [name, value] of Object.entries(environment)) {
        if (process.env[name] !== value) process.env[name] = value;
      }
    },
    check() {
      const after = facts();
      const changed: string[] = Object.keys(before).filter(
        (name) => before[name as keyof typeof before] !== after[name as keyof typeof after],
      );
      // One that was still ending before may have ended since.
      if (storeThreads.size > stores) changed.push("an open store");
      if (changed.length > 0)
        throw new Error(`the file left another state of the process that it shares: ${changed.join(", ")}`);
    },
  };
}
