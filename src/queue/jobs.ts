import { setTimeout } from "node:timers/promises";
import type { Job } from "bullmq";
import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { outputState } from "../shard/output-state.js";
import { type DumpRequest, runIdOf, runIdOfKey } from "../shard/run-request.js";
import { ringAll } from "./bell.js";
import { type DumpJob, dumpJob, MAX_ROUNDS, newDumpJob, OtherFormat, shardJobId } from "./job-data.js";
import { claimOutput } from "./output-claim.js";
import { againKey, cancelKey, JOB_OPTIONS, type Queues } from "./queues.js";
import { readable, runStates } from "./run-state.js";
import { allRunIds, type Snapshot, snapshots } from "./snapshot.js";
import type { RunState, Submission } from "./submission.js";

/**
 * Puts a run into the queue. The same run submitted again, by anyone, is not made again while it waits, runs or is
 * done. It is made again if it has failed, if its output is gone, or, if it is done, with `again`. Throws
 * `OUTPUT_EXISTS` if another run will write the same output, or if there is something else than the output of a
 * finished run; `BAD_OPTION` if `key` belongs to another run.
 */
export async function addRun(
  queues: Queues,
  request: DumpRequest,
  options: {
    readonly shards: number;
    readonly priority: number;
    readonly host: string;
    readonly again: boolean;
    /** The caller's own name of the run. If there is one, the run's ID is made from it. */
    readonly key?: string | undefined;
  },
): Promise<Submission> {
  const id = options.key === undefined ? runIdOf(request) : runIdOfKey(options.key);
  for (;;) {
    const found = await snapshot(queues, id);
    const isLost = found?.state === "completed" && !options.again && (await isOutputLost(queues, id, request));
    const over =
      found !== undefined &&
      (found.state === "failed" ||
        (found.state === "completed" && (options.again || isLost)) ||
        (found.state !== "active" && isBroken(found)));
    if (found !== undefined && options.key !== undefined) checkSameRun(found, request, over, options.key);
    if (found !== undefined && !over) {
      // A run that was cancelled before it was begun must be made nevertheless.
      const begun = found.state === "active" || (found.data as Partial<DumpJob>).planned !== undefined;
      if (!begun) await queues.redis.del(cancelKey(id));
      const state = await stateIfThere(queues, id);
      if (state !== undefined) return { id, what: "known", state };
      // The one who cancelled it has just removed it.
      continue;
    }
    // Readers wait during the removal until it exists again.
    await queues.redis.set(againKey(id), "1", "EX", REMEMBER_AGAIN);
    try {
      await claimOutput(queues, request.output, id, (holder) => isLive(queues, holder));
    } catch (error) {
      await queues.redis.del(againKey(id));
      throw error;
    }
    await queues.redis.del(cancelKey(id));
    if (found !== undefined) await removeRun(queues, found);
    const at = queues.clock.now();
    const job = await queues.dumps.add("dump", newDumpJob(request, { ...options, at }), {
      ...JOB_OPTIONS,
      jobId: id,
      timestamp: at,
      priority: options.priority,
    });
    await queues.redis.del(againKey(id));
    await ringAll(queues);
    return { id, what: found === undefined ? "new" : "again", state: await runState(queues, job) };
  }
}

/**
 * Throws `BAD_OPTION` if a key belongs to another run. A key names one run, even if its dump was written to meanwhile.
 * Another run with the same key is allowed only if the first one is finished and both write the same output.
 */
function checkSameRun(found: Snapshot, request: DumpRequest, isOver: boolean, key: string): void {
  const data = readable(found);
  // An unreadable run is replaced, and a run of another version is left to that version.
  if (data instanceof DumpError || whatOf(data) === whatOf(request)) return;
  if (isOver && data.output === request.output) return;
  throw new DumpError(
    "BAD_OPTION",
    `the key ${JSON.stringify(key)} is that of another run: of another dump or output, or with other options`,
    {
      file: data.output,
      cure: "Use another key, or submit it again without one",
    },
  );
}

/** Equal for the same work, whenever the dump was written. */
function whatOf(request: DumpRequest): string {
  return runIdOf({ ...request, identity: [] });
}

/** Whether no program can read a job. A job of another format is for another program. */
function isBroken(found: Snapshot): boolean {
  const data = readable(found);
  return data instanceof DumpError && !(data instanceof OtherFormat);
}

/** Whether a finished run must be made again. Throws `OUTPUT_EXISTS`. */
async function isOutputLost(queues: Queues, id: string, { output, force }: DumpRequest): Promise<boolean> {
  const job = await getJob(queues, id);
  const bytes = (job?.returnvalue as { result?: { outputBytes?: number } } | null | undefined)?.result?.outputBytes;
  const state = await outputState(output, bytes);
  if (state !== "other") return state === "gone";
  if (force) return true;
  throw new DumpError(
    "OUTPUT_EXISTS",
    `the run ${id} wrote ${bytes} bytes, and what lies there now is of another length`,
    {
      file: output,
      cure: `Submit it with ${OPTION.force} to overwrite it, or name another output`,
    },
  );
}

/** Whether a run waits or is active, or is just being submitted again. */
async function isLive(queues: Queues, id: string): Promise<boolean> {
  if ((await jobIfThere(queues, id)) === undefined) return false;
  const state = await queues.dumps.getJobState(id);
  return state !== "completed" && state !== "failed" && state !== "unknown";
}

async function removeRun(queues: Queues, { id, data }: Snapshot): Promise<void> {
  const job = await getJob(queues, id);
  try {
    const { planned } = dumpJob(data);
    for (let index = 0; planned !== undefined && index < planned.shards; index++) {
      for (let round = 0; round <= planned.round; round++) {
        const shard = await queues.shards.getJob(shardJobId(id, round, index));
        await shard?.remove().catch(() => undefined);
      }
    }
  } catch (error) {
    // Unreadable data are overwritten by readable data.
    if (!(error instanceof DumpError)) throw error;
  }
  await job?.remove();
}

/** Finds a run by its ID, the key of its submitter, or the beginning of its ID. Throws `BAD_OPTION`. */
export async function findRun(queues: Queues, id: string): Promise<Job> {
  const exact = (await jobIfThere(queues, id)) ?? (await jobIfThere(queues, runIdOfKey(id)));
  if (exact !== undefined) return exact;
  const alike = (await allRunIds(queues)).filter((one) => one.startsWith(id));
  const found = alike.length === 1 ? await jobIfThere(queues, alike[0] as string) : undefined;
  if (found !== undefined) return found;
  if (alike.length === 0 && (await queues.redis.exists(cancelKey(id))) > 0) {
    throw new DumpError("BAD_OPTION", `${JSON.stringify(id)} was ${CANCELLED_EARLY}`, {
      cure: "Submit the dump again",
    });
  }
  throw alike.length > 1
    ? new DumpError("BAD_OPTION", `${alike.length} runs have IDs that begin with ${JSON.stringify(id)}`, {
        cure: "Write more of the ID",
      })
    : noRun(id);
}

/** The reason for a run that does not exist any more because it was cancelled before it was begun. */
const CANCELLED_EARLY = "cancelled before a worker took it";

function noRun(id: string): DumpError {
  return new DumpError("BAD_OPTION", `${JSON.stringify(id)} is not the ID of a run`, {
    cure: "`coresieve jobs` lists them",
  });
}

/**
 * The present state of a run whose earlier state was `last`. A run that was cancelled before any worker took it does
 * not exist any more, and counts as failed. Throws `BAD_OPTION`.
 */
export async function laterState(queues: Queues, last: RunState): Promise<RunState> {
  const state = await stateIfThere(queues, last.id);
  if (state !== undefined) return state;
  if ((await queues.redis.exists(cancelKey(last.id))) === 0) throw noRun(last.id);
  return { ...last, state: "failed", reason: CANCELLED_EARLY, code: "ABORTED", mayRetry: false, cancelled: false };
}

/** The runs that Redis knows, the latest first, and their number. */
export async function listRuns(
  queues: Queues,
  most: number,
): Promise<{ readonly runs: readonly RunState[]; readonly all: number }> {
  const ids = await allRunIds(queues);
  return { runs: await runStates(queues, ids.slice(0, most)), all: ids.length };
}

/** The state of a run. Throws `BAD_OPTION` if it does not exist any more. */
export async function runState(queues: Queues, known: Job): Promise<RunState> {
  const id = known.id as string;
  const state = await stateIfThere(queues, id);
  if (state !== undefined) return state;
  const { inputs, output, submitted, key } = dumpJob(known.data);
  const none = {
    progress: 0,
    shards: undefined,
    hosts: [],
    outputBytes: undefined,
    reason: undefined,
    code: undefined,
    mayRetry: false,
  };
  return laterState(queues, { ...none, ...{ id, key, inputs, output, submitted, state: "waiting", cancelled: false } });
}

async function snapshot(queues: Queues, id: string): Promise<Snapshot | undefined> {
  return (await snapshots(queues, [id]))[0];
}

/**
 * Seconds after which nobody waits any more for a run that was removed to be made again: the program that removed it
 * has died.
 */
const REMEMBER_AGAIN = 10;
/** Milliseconds between two checks whether it exists again. */
const LOOK = 20;

/**
 * A job. BullMQ throws for data that are not JSON, which coresieve never writes. Such data become an empty object,
 * which cannot be read either, so that the job can be listed, removed and replaced.
 */
async function getJob({ dumps, redis }: Queues, id: string): Promise<Job | undefined> {
  try {
    return (await dumps.getJob(id)) as Job | undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    await redis.hset(dumps.toKey(id), "data", "{}");
    return (await dumps.getJob(id)) as Job | undefined;
  }
}

/** A job, even if it is just being submitted again. */
async function jobIfThere(queues: Queues, id: string): Promise<Job | undefined> {
  for (;;) {
    const job = await getJob(queues, id);
    if (job !== undefined) return job;
    // It may have been added between the two requests.
    if ((await queues.redis.exists(againKey(id))) === 0) return getJob(queues, id);
    await setTimeout(LOOK);
  }
}

async function stateIfThere(queues: Queues, id: string): Promise<RunState | undefined> {
  while ((await jobIfThere(queues, id)) !== undefined) {
    const [state] = await runStates(queues, [id]);
    if (state !== undefined) return state;
  }
  return undefined;
}

/** Seconds that a cancellation is remembered: until a worker is there that can clean up. */
const REMEMBER_CANCEL = 30 * 24 * 3600;

/** The result of a cancellation. `removed`: this program could not read the run, and removed it from the queue. */
export type Cancellation = "cancelled" | "done" | "removed";

/**
 * Cancels a run. Workers stop their jobs of it, and one of them removes its staging folder, which this program need not
 * be able to reach. A run that this program cannot read is removed from the queue, unless a worker has it. Throws
 * `BAD_OPTION` in that case.
 */
export async function cancelRun(queues: Queues, known: Job): Promise<Cancellation> {
  const id = known.id as string;
  if ((await snapshot(queues, id))?.state === "completed") return "done";
  await queues.redis.set(cancelKey(id), "1", "EX", REMEMBER_CANCEL);
  // Read after the cancellation is stored: workers check it, and what they did before is seen here.
  const found = await snapshot(queues, id);
  if (found === undefined) return "cancelled";
  if (readable(found) instanceof DumpError) return removeUnreadable(queues, found);
  const job = await getJob(queues, id);
  if (job === undefined) return "cancelled";
  let { state } = found;
  if ((state === "wait" || state === "prioritized") && job.attemptsStarted === 0) {
    // A worker may have taken it just now: then that worker ends it.
    const removed = await job.remove().then(
      () => true,
      () => false,
    );
    if (removed) return "cancelled";
    state = (await snapshot(queues, id))?.state ?? "gone";
  }
  if (state === "completed") return "done";
  if (state === "waiting-children") await job.removeUnprocessedChildren();
  // A failed run has kept its finished shards: a worker takes it once more, to remove them.
  if (state === "failed") await runAgain(queues, job);
  return "cancelled";
}

async function removeUnreadable(queues: Queues, { id, state }: Snapshot): Promise<Cancellation> {
  const job = await getJob(queues, id);
  try {
    await job?.remove({ removeChildren: true });
  } catch (error) {
    const why = state === "active" ? "a worker has it" : "a worker has a part of it";
    throw new DumpError("BAD_OPTION", `${id}: ${why}, and a worker of the version that planned it will stop it`, {
      cure: "Look with `coresieve jobs`, and try again if it is still there",
      cause: error,
    });
  }
  await queues.redis.del(cancelKey(id));
  return "removed";
}

/**
 * Puts a failed run back among the waiting ones, as if it had never been tried: resets BullMQ's counts of tries and of
 * lost workers. Throws what BullMQ throws for a run that has not failed.
 */
export async function runAgain({ redis, dumps }: Queues, job: Job): Promise<void> {
  await redis.hdel(dumps.toKey(job.id as string), "stc", "defa");
  await job.retry("failed", { resetAttemptsMade: true });
}

/**
 * Makes the failed parts of a run again, but not the finished ones. Throws `BAD_OPTION` for a run that has not failed.
 */
export async function retryRun(queues: Queues, known: Job): Promise<void> {
  const id = known.id as string;
  const job = await getJob(queues, id);
  if ((await snapshot(queues, id))?.state !== "failed" || job === undefined) {
    const { state } = await runState(queues, known);
    throw new DumpError(
      "BAD_OPTION",
      `${id} has not failed: ${state === "done" ? "it is done" : "it is still running"}`,
      {
        cure: `Only a failed run can be retried; ${OPTION.again} runs it again from the start`,
      },
    );
  }
  const data = dumpJob(job.data);
  if (data.round >= MAX_ROUNDS) {
    throw new DumpError("BAD_OPTION", `${id} was retried ${data.round} times already`, {
      cure: "Cancel it, and submit the dump again",
    });
  }
  await claimOutput(queues, data.output, id, (holder) => isLive(queues, holder));
  await queues.redis.del(cancelKey(id));
  await job.updateData({ ...data, round: data.round + 1 });
  await runAgain(queues, job);
}
