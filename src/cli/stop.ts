import { constants } from "node:os";
import { DumpError } from "../errors.js";
import { dropUnfinished } from "../unfinished.js";

/**
 * Exit codes: 0 success; 1 the dump could not be read, filtered or written; 2 the command line is wrong; 128 + the
 * signal's number if a signal stopped it (129 SIGHUP, 130 SIGINT, 131 SIGQUIT, 143 SIGTERM); or the code that `exitsWith` set for an
 * error.
 */
export function exitCodeOf(error: unknown, signal: NodeJS.Signals | undefined): number {
  if (signal !== undefined) return 128 + constants.signals[signal];
  if (error instanceof DumpError && error.code === "BAD_OPTION") return 2;
  return (error instanceof Error && codes.get(error)) || 1;
}

const codes = new WeakMap<Error, number>();

/** Returns the same error; if the program ends with it, it has this exit code. */
export function exitsWith(error: unknown, code: number): unknown {
  if (error instanceof Error) codes.set(error, code);
  return error;
}

/**
 * For an error after which the same command may succeed, later or on another host: EX_TEMPFAIL of sysexits.h, which
 * mailers and batch systems know.
 */
export const TRY_AGAIN = 75;

/** Milliseconds for cleaning up after an uncaught error: the run may wait for something that never comes. */
const CLEAN_UP = 5000;

export interface Stop {
  readonly signal: AbortSignal;
  /** The signal that arrived, if any. */
  signalName(): NodeJS.Signals | undefined;
}

/**
 * Signals that end a program which does not handle them, and leave it time to clean up. Windows does not have all of
 * them. SIGUSR1 would not end it: Node starts a debugger then, which listens on a port, and reads all memory of this
 * process, unless somebody listens to the signal. SIGPROF is V8's profiler's in a process that is profiled.
 */
const STOPPING = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGALRM",
  "SIGVTALRM",
  "SIGXCPU",
  "SIGUSR1",
  "SIGUSR2",
  "SIGIO",
  "SIGPWR",
  "SIGSTKFLT",
  "SIGPROF",
] as const;

/**
 * Whether V8's profiler takes samples from the start on: SIGPROF comes a thousand times a second then, and is not for us. One that is
 * started later, by a debugger, takes the signal over and gives it back. (NODE_OPTIONS may have it since Node 22.15.)
 */
function isProfiled(): boolean {
  const { NODE_OPTIONS = "" } = process.env;
  const options = [...process.execArgv, ...NODE_OPTIONS.split(/\s+/)];
  return options.some((option) => /^--(cpu[-_])?prof$/.test(option));
}

/**
 * The first SIGINT, SIGTERM, SIGHUP (the terminal is gone) or other signal that ends programs stops the run, which cleans up. A second one ends the
 * program at once, and removes temporary files. An uncaught error stops the run like the first signal. `report` gets
 * both.
 */
export function stopOnSignals(report: (error: unknown) => void): Stop {
  const controller = new AbortController();
  let name: NodeJS.Signals | undefined;
  process.once("uncaughtException", (error) => {
    report(error);
    // Later errors are consequences of the first and are not printed.
    process.on("uncaughtException", () => undefined);
    controller.abort(error);
    setTimeout(() => process.exit(), CLEAN_UP);
  });
  for (const signal of STOPPING.filter((one) => one in constants.signals)) {
    if (signal === "SIGPROF" && isProfiled()) continue;
    process.on(signal, () => {
      if (name !== undefined) {
        report(stoppedAtOnce(signal));
        process.exit(128 + constants.signals[signal]);
      }
      name = signal;
      controller.abort();
    });
  }
  return { signal: controller.signal, signalName: () => name };
}

function stoppedAtOnce(signal: NodeJS.Signals): DumpError {
  const { count, left } = dropUnfinished();
  const removed = count > left.length ? ["temporary files were removed"] : [];
  return new DumpError("ABORTED", `stopped at once by a second signal (${signal})`, {
    left: [...removed, ...left].join("; ") || undefined,
  });
}
