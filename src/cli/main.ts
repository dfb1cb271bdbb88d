#!/usr/bin/env node
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/byte-source.js";
import { startEarly } from "./early-threads.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";

const argv = process.argv.slice(2);
let unsaid: unknown;
process.stdout.on("error", (error) => {
  unsaid ??= error;
});
const stop = stopOnSignals();
// Threads take about as long to start as the rest of the program to load: both go on side by side.
const threads = startEarly(argv);

try {
  const { parseCommandLine } = await import("./command-line.js");
  const run = await parseCommandLine(argv, { signal: stop.signal, threads });
  await run();
} catch (error) {
  report(error);
}
await leave();

function report(error: unknown): void {
  process.exitCode = exitCodeOf(error, stop.signalName());
  const text =
    error instanceof DumpError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`coresieve: ${text}\n`);
}

/**
 * Ends the program without waiting for the threads, which have nothing to do any more, once all has been said. One
 * that was stopped does not wait for whoever should take its output either.
 */
async function leave(): Promise<void> {
  // Errors of the last words come a moment after them.
  await new Promise((resolve) => setImmediate(resolve));
  if (stop.signalName() !== undefined) process.exit();
  // Nobody reads any more (EPIPE): no reason to complain, as after `| head`.
  if (unsaid !== undefined && process.exitCode === undefined && systemErrorCode(unsaid) !== "EPIPE") {
    const what = `cannot be written: ${describeSystemError(unsaid)}`;
    report(new DumpError("NOT_WRITABLE", what, { file: "stdout", cure: "Look at where it goes" }));
  }
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write("", resolve));
  }
  process.exit();
}
