import { DumpError } from "../../errors.js";
import { nearestName, unknownName } from "../../nearest-name.js";
import type { Cancellation } from "../../queue/jobs.js";
import type { RunState } from "../../queue/submission.js";
import { formatCount } from "../../readable-count.js";
import { type CommandEnd, defineCommand } from "../command.js";
import { describeRun } from "../jobs-table.js";
import { printJson, printLines, printNote } from "../print.js";

const ACTIONS = ["list", "watch", "cancel", "retry", "clean"];
const USE = "Write `coresieve jobs`, or `coresieve jobs watch ID`, cancel or retry, or `coresieve jobs clean PLACE`";

/** The default number of listed runs: more than anybody reads. */
const MOST_LISTED = 1000;

const CANCELLATION: Record<Cancellation, string> = {
  cancelled: "is cancelled",
  done: "is done already",
  removed:
    "is out of the queue. This program could not read it: what it left lies beside its output, in a folder that ends in the ID",
};

/** `coresieve jobs`: lists the queue, and changes it. */
export const jobsCommand = defineCommand({
  name: "jobs",
  about: {
    usage: "coresieve jobs [list | watch ID | cancel ID | retry ID | clean PLACE]: the queue",
    text: `  list      all runs that are waiting, in work, done or failed (default)
  watch     how far a run is, until it is over; exit code 1 if it failed
  cancel    end a run; workers remove what there is of it
  retry     make again what failed of a run; what is done is kept
  clean     list what runs left (OUT.coresieve-ID) in PLACE..., of which the
            queue has no run: folders, with all in them, or s3://BUCKET/PREFIX

ID is what \`coresieve submit\` printed, the beginning of it, or its --key.`,
    examples: `Examples
  coresieve jobs watch 3f09
  coresieve jobs clean --remove /share/dumps s3://dumps/team/`,
  },
  async run([action = "list", id, ...more], { redis, limit, json, ...clean }, { signal }) {
    if (!ACTIONS.includes(action)) throw unknownName("action", action, nearestName(action, ACTIONS), USE);
    if (action === "clean") {
      if (id === undefined) {
        throw new DumpError("BAD_OPTION", "no place was named to look in", {
          cure: "Write `coresieve jobs clean FOLDER`, or s3://BUCKET/PREFIX",
        });
      }
      const { cleanJobs } = await import("./jobs-clean.js");
      return cleanJobs([id, ...more], { redis, json, ...clean }, signal);
    }
    if (more.length > 0 || (action === "list") !== (id === undefined)) {
      throw new DumpError("BAD_OPTION", `${action} takes ${action === "list" ? "no" : "one"} ID`, { cure: USE });
    }
    const [{ openQueues, redisUrl }, runs] = await Promise.all([
      import("../../queue/queues.js"),
      import("../../queue/jobs.js"),
    ]);
    if (action === "watch") return watch(id as string, { redis, json, signal });
    const most = limit ?? MOST_LISTED;
    // Listing does not need Redis to be configured correctly.
    const queues = await openQueues(redisUrl(redis), { anyPolicy: true });
    try {
      if (id === undefined) {
        return list(await runs.listRuns(queues, most), json);
      }
      const job = await runs.findRun(queues, id);
      if (action === "cancel") {
        printLines([`${job.id}: ${CANCELLATION[await runs.cancelRun(queues, job)]}`]);
      } else {
        await runs.retryRun(queues, job);
        printLines([`${job.id}: the failed parts are tried again`]);
      }
      return undefined;
    } finally {
      await queues.close();
    }
  },
});

/** Prints each change of a run until it ends. */
async function watch(
  id: string,
  { redis, json, signal }: { readonly redis: string | undefined; readonly json: boolean; readonly signal: AbortSignal },
): Promise<CommandEnd> {
  const { watchRun } = await import("../../queue/watch-run.js");
  let code: CommandEnd;
  for await (const state of watchRun(id, { signal, ...(redis === undefined ? {} : { redis }) })) {
    if (json) printJson(state);
    else printLines([`${state.id} ${describeRun(state)}`]);
    if (state.state === "failed" || state.state === "unreadable") code = 1;
  }
  return code;
}

/** Prints runs; on stderr, what is wrong with some of them, and that there are more. */
function list({ runs, all }: { readonly runs: readonly RunState[]; readonly all: number }, json: boolean): CommandEnd {
  if (json) printJson(runs, 2);
  else if (runs.length === 0) printLines(["no runs"]);
  else printLines(runs.map((run) => `${run.id} ${describeRun(run)}`));
  if (all > runs.length) {
    printNote(
      `the latest ${formatCount(runs.length)} of ${formatCount(all)} runs are listed; --limit ${all} lists all`,
    );
  }
  return runs.some(({ state }) => state === "unreadable") ? 1 : undefined;
}
