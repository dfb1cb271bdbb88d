import { setTimeout } from "node:timers/promises";
import { DumpError } from "../../errors.js";
import type { RunState } from "../../queue/jobs.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { describeRun } from "../jobs-table.js";

const HELP = `coresieve jobs [list | watch ID | cancel ID | retry ID]: runs in the queue

  list      all runs that are waiting, in work, done or failed (default)
  watch     how far a run is, until it is over; exit code 1 if it failed
  cancel    end a run; workers remove what there is of it
  retry     make again what failed of a run; what is done is kept

ID is what \`coresieve submit\` printed, or the beginning of it.

      --redis URL          the queue (default: $REDIS_URL, or this host)
      --json               print JSON; with watch, one line for each change
  -v, --version            print the version
  -h, --help               print this text

Example
  coresieve jobs watch 3f09
`;

const OPTIONS = { redis: VALUE, json: FLAG } as const;

/** `coresieve jobs`: what is in the queue, and what is to become of it. */
export const jobsCommand = defineCommand({ help: HELP, options: OPTIONS, run: runJobs });

async function runJobs(
  [action = "list", id, ...more]: readonly string[],
  { redis, json }: OptionValues<typeof OPTIONS>,
  { signal }: CommandContext,
): Promise<void> {
  const known = ["list", "watch", "cancel", "retry"].includes(action);
  if (!known || more.length > 0 || (action === "list") !== (id === undefined)) {
    throw new DumpError("BAD_OPTION", known ? `${action} takes ${action === "list" ? "no" : "one"} ID` : action, {
      cure: "Write `coresieve jobs`, or `coresieve jobs watch ID`, cancel or retry",
    });
  }
  const [{ openQueues, redisUrl }, runs] = await Promise.all([
    import("../../queue/queues.js"),
    import("../../queue/jobs.js"),
  ]);
  const queues = await openQueues(redisUrl(redis));
  const say = (state: RunState) =>
    process.stdout.write(json ? `${JSON.stringify(state)}\n` : `${state.id} ${describeRun(state)}\n`);
  try {
    if (id === undefined) {
      const states: RunState[] = [];
      for (const job of await runs.allRuns(queues)) {
        try {
          states.push(await runs.runState(queues, job));
        } catch (error) {
          // Another version's, or somebody else's: the others are listed.
          if (!(error instanceof DumpError)) throw error;
          process.stderr.write(`coresieve: ${job.id}: ${error.message}\n`);
          process.exitCode = 1;
        }
      }
      if (json) process.stdout.write(`${JSON.stringify(states, undefined, 2)}\n`);
      else if (states.length === 0 && process.exitCode === undefined) process.stdout.write("no runs\n");
      else states.forEach(say);
      return;
    }
    const job = await runs.findRun(queues, id);
    if (action === "cancel") {
      const done = await runs.cancelRun(queues, job);
      process.stdout.write(`${job.id}: ${done ? "is cancelled" : "is done already"}\n`);
    } else if (action === "retry") {
      await runs.retryRun(queues, job);
      process.stdout.write(`${job.id}: what failed is made again\n`);
    } else {
      let last = "";
      for (let state = await runs.runState(queues, job); ; state = await runs.laterState(queues, state)) {
        const text = JSON.stringify(state);
        if (text !== last) say(state);
        last = text;
        if (state.state === "failed") process.exitCode = 1;
        if (state.state === "done" || state.state === "failed") return;
        await setTimeout(1000, undefined, { signal });
      }
    }
  } finally {
    await queues.close();
  }
}
