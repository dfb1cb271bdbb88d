#!/usr/bin/env node
import { endThreadsWithProgram } from "../ending-threads.js";
import { speakAs } from "../option-words.js";
import { startEarly } from "./early-threads.js";
import { explain } from "./explain.js";
import { optimiseLate } from "./late-optimisation.js";
import { leave, watchStdout } from "./leave.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";
import { coloured } from "./terminal.js";

speakAs("commandLine");
const argv = process.argv.slice(2);
optimiseLate(argv);
let hasReported = false;
const stdoutError = watchStdout();
endThreadsWithProgram();
const stop = stopOnSignals(report);

void run();

async function run(): Promise<never> {
  try {
    // Threads take about as long to start as the rest of the program to load, so both are done at the same time.
    const threads = startEarly(argv);
    const { parseCommandLine } = await import("./command-line.js");
    const command = await parseCommandLine(argv, { signal: stop.signal, threads });
    const code = await command();
    if (code !== undefined) process.exitCode = code;
  } catch (error) {
    report(error);
  }
  return leave(stop, stdoutError, report);
}

/** Prints the first error; later ones are its consequences. */
function report(error: unknown): void {
  if (hasReported) return;
  hasReported = true;
  process.exitCode = exitCodeOf(error, stop.signalName());
  process.stderr.write(`${coloured("coresieve:", "red")} ${explain(error)}\n`);
}
