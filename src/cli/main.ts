#!/usr/bin/env node
import { DumpError } from "../errors.js";
import { startEarly } from "./early-threads.js";
import { leave, watchStdout } from "./leave.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";

const argv = process.argv.slice(2);
const unsaid = watchStdout();
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
await leave(stop, unsaid, report);

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
