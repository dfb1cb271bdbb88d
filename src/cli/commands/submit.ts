import { DumpError } from "../../errors.js";
import { onlyGiven } from "../../only-given.js";
import type { RunState } from "../../queue/submission.js";
import { defineCommand } from "../command.js";
import { describeRun } from "../jobs-table.js";
import { printJson, printLines } from "../print.js";
import { runOptions } from "../run-request.js";
import { exitsWith, TRY_AGAIN } from "../stop.js";

/** `coresieve submit DUMP… OUT`: puts a filter run into the queue. */
export const submitCommand = defineCommand({
  name: "submit",
  about: {
    usage: "coresieve submit DUMP OUT [options]: filter a dump with the workers of a queue",
    text: `Workers (coresieve help worker) share the work and write OUT together: the same
bytes as one machine would. DUMP and OUT lie in a folder that all of them have
at the same place, or in a store (s3://). The same dump is filtered once.`,
    examples: `Exit codes with --wait: 0 done, 1 failed or cancelled, 75 failed, but a retry
may help, 124 not done in time; 2 wrong command line.
Example
  coresieve submit /share/vmcore /share/small.kdump -l --wait`,
  },
  async run(files, values, { signal }) {
    const run = await runOptions(files, values);
    const [{ submitRun }, { isOver, watchRun }] = await Promise.all([
      import("../../queue/submit-run.js"),
      import("../../queue/watch-run.js"),
    ]);
    const { shards, priority, key, again, waitTimeout } = values;
    const queue = values.redis === undefined ? {} : { redis: values.redis };
    const submitted = await submitRun({
      ...run,
      ...queue,
      again,
      ...onlyGiven({ shards, priority, key }),
    });
    let { state } = submitted;
    if (!values.quiet && !values.json) {
      printLines([`${submitted.id}${submitted.what === "known" ? " (submitted before)" : ""}: ${describeRun(state)}`]);
    }
    if (values.wait && !isOver(state)) {
      const late = waitTimeout === undefined ? undefined : AbortSignal.timeout(1000 * waitTimeout);
      try {
        const until = late === undefined ? signal : AbortSignal.any([signal, late]);
        for await (const now of watchRun(state, { ...queue, signal: until })) state = now;
      } catch (error) {
        throw late?.aborted && !signal.aborted ? waitedLong(submitted.id, state) : error;
      }
    }
    if (values.json) printJson(state, 2);
    else if (values.wait && !values.quiet) printLines([describeRun(state)]);
    if (values.wait && state.state !== "done") throw failed(state);
  },
});

/** The error of a failed run. If a retry or another submission may succeed, the program ends with `TRY_AGAIN`. */
function failed({ inputs, reason, mayRetry }: RunState): unknown {
  const error = new DumpError("WORKER_FAILED", reason ?? "failed for an unknown reason", { file: inputs[0] ?? "" });
  return mayRetry ? exitsWith(error, TRY_AGAIN) : error;
}

/** The exit code of timeout(1). */
const WAITED_LONG = 124;

function waitedLong(id: string, { inputs, state }: RunState): unknown {
  const error = new DumpError("NOT_READY", `is not done in time: ${state}; ${id} is still running`, {
    file: inputs[0] ?? "",
    cure: `\`coresieve jobs watch ${id}\` waits for it`,
  });
  return exitsWith(error, WAITED_LONG);
}
