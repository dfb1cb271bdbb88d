import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { DumpError } from "../../errors.js";
import type { RunState } from "../../queue/run-state.js";
import { isLasting } from "../../shard/worth-trying.js";
import { type CommandAbout, type CommandContext, defineCommand } from "../command.js";
import { describeRun } from "../jobs-table.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines } from "../print.js";
import { dumpRequest } from "../run-request.js";
import { exitsWith, TRY_AGAIN } from "../stop.js";

const ABOUT: CommandAbout = {
  usage: "coresieve submit DUMP OUT [options]: filter a dump with the workers of a queue",
  text: `Workers (coresieve help worker) share the work and write OUT together: the same
bytes as one machine would. DUMP and OUT lie in a folder that all of them have
at the same place, or in a store (s3://). The same dump is filtered once.`,
  examples: `Exit codes with --wait: 0 done, 1 failed or cancelled, 75 failed, but a retry
may help, 124 not done in time; 2 wrong command line.
Example
  coresieve submit /share/vmcore /share/small.kdump -l --wait`,
};

type Values = OptionValues<"submit">;

/** `coresieve submit DUMP… OUT`: puts a filter run into the queue. */
export const submitCommand = defineCommand({ name: "submit", about: ABOUT, run: runSubmit });

async function runSubmit(files: readonly string[], values: Values, { signal }: CommandContext): Promise<void> {
  const request = await dumpRequest(files, values);
  const shards = values.shards ?? 0;
  const priority = values.priority ?? 0;
  const [{ openQueues, redisUrl }, { laterState, submitRun }] = await Promise.all([
    import("../../queue/queues.js"),
    import("../../queue/jobs.js"),
  ]);
  const queues = await openQueues(redisUrl(values.redis));
  try {
    const submitted = await submitRun(queues, request, { shards, priority, host: hostname(), again: values.again });
    let { state } = submitted;
    if (!values.quiet && !values.json) {
      const again = submitted.what === "known" ? " (submitted before)" : "";
      printLines([`${submitted.id}${again}: ${describeRun(state)}`]);
    }
    const until = performance.now() + 1000 * (values.waitTimeout ?? Number.POSITIVE_INFINITY);
    while (values.wait && !["done", "failed", "unreadable"].includes(state.state)) {
      if (performance.now() >= until) throw waitedLong(submitted.id, state);
      await setTimeout(500, undefined, { signal }).catch(() => {
        throw new DumpError("ABORTED", `stopped waiting; ${submitted.id} goes on`);
      });
      state = await laterState(queues, state);
    }
    if (values.json) printJson(state, 2);
    else if (values.wait && !values.quiet) printLines([describeRun(state)]);
    if (values.wait && state.state !== "done") throw failed(state);
  } finally {
    await queues.close();
  }
}

/** What a run failed with. What may succeed when it is retried or submitted again ends the program with `TRY_AGAIN`. */
function failed({ inputs, reason, code, state }: RunState): unknown {
  const error = new DumpError("WORKER_FAILED", reason ?? "failed, and nobody says why", { file: inputs[0] ?? "" });
  const again = state === "failed" && code !== "ABORTED" && !isLasting(code ?? "");
  return again ? exitsWith(error, TRY_AGAIN) : error;
}

/** The exit code of timeout(1). */
const WAITED_LONG = 124;

function waitedLong(id: string, { inputs, state }: RunState): unknown {
  const error = new DumpError("NOT_READY", `is not done in time: ${state}; ${id} goes on`, {
    file: inputs[0] ?? "",
    cure: `\`coresieve jobs watch ${id}\` waits for it`,
  });
  return exitsWith(error, WAITED_LONG);
}
