#!/usr/bin/env node
import { DumpError } from "../errors.js";
import { startEarly } from "./early-threads.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";

const argv = process.argv.slice(2);
const stop = stopOnSignals();
// Threads take about as long to start as the rest of the program to load: both go on side by side.
const threads = startEarly(argv);

try {
  const { parseCommandLine } = await import("./command-line.js");
  await parseCommandLine(argv, { signal: stop.signal, threads })();
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

/** Ends the program without waiting for the threads, which have nothing to do any more, once all has been said. */
async function leave(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write("", resolve));
  }
  process.exit();
}
