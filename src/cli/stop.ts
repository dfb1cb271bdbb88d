import { constants } from "node:os";
import { DumpError } from "../errors.js";
import { dropUnfinished } from "../unfinished.js";

/**
 * Exit codes: 0 success; 1 the dump could not be read, filtered or written; 2 the command line is wrong; 128 + the
 * signal's number when stopped by one (129 SIGHUP, 130 SIGINT, 143 SIGTERM); what `exitsWith` says of an error.
 */
export function exitCodeOf(error: unknown, signal: NodeJS.Signals | undefined): number {
  if (signal !== undefined) return 128 + constants.signals[signal];
  if (error instanceof DumpError && error.code === "BAD_OPTION") return 2;
  return (error instanceof Error && codes.get(error)) || 1;
}

const codes = new WeakMap<Error, number>();

/** The same error; the program ends with that exit code if it ends by it. */
export function exitsWith(error: unknown, code: number): unknown {
  if (error instanceof Error) codes.set(error, code);
  return error;
}

/** What may succeed if the same command is begun again, later or on another host: EX_TEMPFAIL of sysexits.h, which mailers and batch systems know. */
export const TRY_AGAIN = 75;

/** Milliseconds to clean up in after an error that nobody caught: the run may wait for what never comes. */
const CLEAN_UP = 5000;

export interface Stop {
  readonly signal: AbortSignal;
  /** The signal that came, if any. */
  signalName(): NodeJS.Signals | undefined;
}

/**
 * The first SIGINT, SIGTERM or SIGHUP (the terminal is gone) ends the run and cleans up; a second one ends the program at once, and temporary files
 * with it. An error that nobody caught ends the run as the first signal does. `report` tells of both.
 */
export function stopOnSignals(report: (error: unknown) => void): Stop {
  const controller = new AbortController();
  let name: NodeJS.Signals | undefined;
  process.once("uncaughtException", (error) => {
    report(error);
    // One line is enough: what follows is its consequence.
    process.on("uncaughtException", () => undefined);
    controller.abort(error);
    setTimeout(() => process.exit(), CLEAN_UP);
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
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
