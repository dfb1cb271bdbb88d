import { constants } from "node:os";
import { DumpError } from "../errors.js";

/**
 * Exit codes: 0 success; 1 the dump could not be read, filtered or written; 2 the command line is wrong; 128 + the
 * signal's number when stopped by one (129 SIGHUP, 130 SIGINT, 143 SIGTERM).
 */
export function exitCodeOf(error: unknown, signal: NodeJS.Signals | undefined): number {
  if (signal !== undefined) return 128 + constants.signals[signal];
  return error instanceof DumpError && error.code === "BAD_OPTION" ? 2 : 1;
}

export interface Stop {
  readonly signal: AbortSignal;
  /** The signal that came, if any. */
  signalName(): NodeJS.Signals | undefined;
}

/** The first SIGINT, SIGTERM or SIGHUP (the terminal is gone) ends the run and cleans up; a second one ends the program at once. */
export function stopOnSignals(): Stop {
  const controller = new AbortController();
  let name: NodeJS.Signals | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (name !== undefined) process.exit(128 + constants.signals[signal]);
      name = signal;
      controller.abort();
    });
  }
  return { signal: controller.signal, signalName: () => name };
}
