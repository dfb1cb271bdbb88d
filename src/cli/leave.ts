import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import type { Stop } from "./stop.js";
import { writeStdoutWhole } from "./whole-stdout.js";

/** Takes note of the first error of stdout from now on, which is written whole or not without one. */
export function watchStdout(): () => unknown {
  writeStdoutWhole();
  let first: unknown;
  process.stdout.on("error", (error) => {
    first ??= error;
  });
  return () => first;
}

/**
 * Ends the program without waiting for the threads, which have nothing to do any more, once all has been said. One
 * that was stopped does not wait for whoever should take its output either. `unsaid` is stdout's error, if any.
 */
export async function leave(stop: Stop, unsaid: () => unknown, report: (error: unknown) => void): Promise<never> {
  // Errors of the last words come a moment after them.
  await new Promise((resolve) => setImmediate(resolve));
  if (stop.signalName() !== undefined) process.exit();
  const error = unsaid();
  // Nobody reads any more (EPIPE): no reason to complain, as after `| head`.
  if (error !== undefined && !process.exitCode && systemErrorCode(error) !== "EPIPE") {
    const what = `cannot be written: ${describeSystemError(error)}`;
    // The command was done, but for its last words.
    const left = "all else was done, and what was to be written elsewhere is there, and whole";
    report(new DumpError("NOT_WRITABLE", what, { file: "stdout", cure: "Look at where it goes", left }));
  }
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write("", resolve));
  }
  process.exit();
}
