#!/usr/bin/env node
import { basename } from "node:path";
import { endThreadsWithProgram } from "../ending-threads.js";
import { speakAs } from "../option-words.js";
import { isSingleExecutable } from "../program-files.js";
import { MAX_THREADS, standardThreads, WorkerThreads } from "../worker/threads.js";
import { explain } from "./explain.js";
import { leave, watchStdout } from "./leave.js";
import { type MakedumpfileRequest, parseMakedumpfile } from "./makedumpfile/arguments.js";
import { Messages } from "./makedumpfile/messages.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";

speakAs("commandLine");
// Like getopt_long: the program's name in messages is that of the link by which it was called.
const program = basename((isSingleExecutable() ? process.argv0 : process.argv[1]) ?? "", ".js") || "makedumpfile";
const stdoutError = watchStdout();
endThreadsWithProgram();
const stop = stopOnSignals(report);
const messages = new Messages(process);
const { request, checkOnly } = parseMakedumpfile(process.argv.slice(2), program, messages);

void run();

async function run(): Promise<never> {
  if (request === undefined) {
    if (!checkOnly) messages.common("", "makedumpfile Failed.");
    process.exitCode = 1;
  } else if (!request.checkOnly || request.mode === "help" || request.mode === "version") {
    try {
      // Threads take about as long to start as the rest of the program to load, so both are done at the same time.
      const threads = threadsFor(request);
      const { runMakedumpfile } = await import("./makedumpfile/run.js");
      process.exitCode = await runMakedumpfile(request, { program, messages, signal: stop.signal, threads });
    } catch (error) {
      report(error);
    }
  }
  return leave(stop, stdoutError, report);
}

/** As many threads as requested, up to the maximum; by default one per core. */
function threadsFor({ mode, threads }: MakedumpfileRequest): WorkerThreads | undefined {
  if (mode !== "create" && mode !== "split" && mode !== "mem-usage") return undefined;
  return new WorkerThreads(threads === 0 ? standardThreads() : Math.min(threads, MAX_THREADS));
}

function report(error: unknown): void {
  process.exitCode = exitCodeOf(error, stop.signalName());
  messages.error(`${program}: ${explain(error)}`);
}
