import { setTimeout } from "node:timers/promises";
import type { Job, JobState } from "bullmq";
import { DumpError } from "../errors.js";
import { type DumpJob, type DumpRequest, dumpJob, jobIdOf, newDumpJob, shardJobId } from "./job-data.js";
import { againKey, cancelKey, JOB_OPTIONS, type Queues } from "./queues.js";

/** How a dump's run stands. */
export interface RunState {
  readonly id: string;
  /** As people say it: `waiting`, `planning`, `shards`, `finishing`, `done`, `failed`. */
  readonly state: "waiting" | "planning" | "shards" | "finishing" | "done" | "failed";
  readonly inputs: readonly string[];
  readonly output: string;
  readonly submitted: { readonly host: string; readonly at: number };
  /** Share of the work that is done, 0 to 1. */
  readonly progress: number;
  /** `undefined` before the plan. */
  readonly shards:
    | { readonly all: number; readonly done: number; readonly active: number; readonly failed: number }
    | undefined;
  /** Who works on it now. */
  readonly hosts: readonly string[];
  readonly outputBytes: number | undefined;
  /** Why it failed; of one that waits to be tried again, why the last try did. */
  readonly reason: string | undefined;
  /** It was cancelled, and a worker has yet to end it. */
  readonly cancelled: boolean;
}

/** What became of a submission. */
export interface Submission {
  readonly id: string;
  /** `known`: the same run is there already, and is not made again. */
  readonly what: "new" | "known" | "again";
  readonly state: RunState;
}

/**
 * Submits a run. The same one submitted again is not run again, whoever does it: while it waits or runs, and when it is done; with
 * `again` one that is done is, and one that failed is in any case.
 */
export async function submitRun(
  queues: Queues,
  request: DumpRequest,
  options: {
    readonly shards: number;
    readonly priority: number;
    readonly host: string;
    readonly again: boolean;
  },
): Promise<Submission> {
  const id = jobIdOf(request);
  for (;;) {
    const found = await jobAndState(queues.dumps, id);
    const over = found?.state === "failed" || (found?.state === "completed" && options.again);
    if (found !== undefined && !over) {
      // One that was cancelled, and that nobody has begun, is to be made all the same.
      const begun = found.state === "active" || dumpJob(found.job.data).planned !== undefined;
      if (!begun) await queues.redis.del(cancelKey(id));
      const state = await stateIfThere(queues, id);
      if (state !== undefined) return { id, what: "known", state };
      // Whoever cancelled it has just removed it.
      continue;
    }
    // Who looks in between waits until it is there again.
    await queues.redis.set(againKey(id), "1", "EX", REMEMBER_AGAIN);
    await queues.redis.del(cancelKey(id));
    if (found !== undefined) await removeRun(queues, found.job);
    const job = await queues.dumps.add("dump", newDumpJob(request, options), {
      ...JOB_OPTIONS,
      jobId: id,
      priority: options.priority,
    });
    await queues.redis.del(againKey(id));
    return { id, what: found === undefined ? "new" : "again", state: await runState(queues, job) };
  }
}

async function removeRun(queues: Queues, job: Job): Promise<void> {
  const { planned } = dumpJob(job.data);
  for (let index = 0; planned !== undefined && index < planned.shards; index++) {
    for (let round = 0; round <= planned.round; round++) {
      const shard = await queues.shards.getJob(shardJobId(job.id as string, round, index));
      await shard?.remove().catch(() => undefined);
    }
  }
  await job.remove();
}

/** A run by its id, or the beginning of it. Throws `BAD_OPTION`. */
export async function findRun(queues: Queues, id: string): Promise<Job> {
  const exact = await jobIfThere(queues, id);
  if (exact !== undefined) return exact;
  const alike = (await allRuns(queues)).filter((job) => job.id?.startsWith(id));
  const whole = alike.find((job) => job.id === id);
  if (whole !== undefined || alike.length === 1) return whole ?? (alike[0] as Job);
  if (alike.length === 0 && (await queues.redis.exists(cancelKey(id))) > 0) {
    throw new DumpError("BAD_OPTION", `${JSON.stringify(id)} was ${CANCELLED_EARLY}`, {
      cure: "Submit the dump again",
    });
  }
  throw noRun(id, alike.length === 0 ? "no run" : "several runs");
}

/** What is said of a run that is gone because nobody had begun it. */
const CANCELLED_EARLY = "cancelled before a worker took it";

function noRun(id: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", `${JSON.stringify(id)} is ${what}`, { cure: "`coresieve jobs` lists them" });
}

/** How a run stands that stood as `last` says. One that was cancelled before any worker took it is gone, and has failed. Throws `BAD_OPTION`. */
export async function laterState(queues: Queues, last: RunState): Promise<RunState> {
  const state = await stateIfThere(queues, last.id);
  if (state !== undefined) return state;
  if ((await queues.redis.exists(cancelKey(last.id))) === 0) throw noRun(last.id, "no run");
  return { ...last, state: "failed", reason: CANCELLED_EARLY, cancelled: false };
}

/** Runs that are listed at most. */
const MOST_LISTED = 1000;

/** All runs that Redis knows, the latest first. */
export async function allRuns({ dumps }: Queues): Promise<Job[]> {
  const states = ["active", "waiting-children", "prioritized", "waiting", "delayed", "failed", "completed"] as const;
  const jobs = (await dumps.getJobs([...states], 0, MOST_LISTED)).filter((job) => job !== undefined);
  // One that goes from state to state meanwhile may be listed in both.
  const once = new Map(jobs.map((job) => [job.id, job]));
  return [...once.values()].sort((a, b) => b.timestamp - a.timestamp);
}

/** How a run stands. Throws `BAD_OPTION` as `laterState` does. */
export async function runState(queues: Queues, known: Job): Promise<RunState> {
  const state = await stateIfThere(queues, known.id as string);
  return state ?? laterState(queues, await describe(queues, known, "unknown"));
}

/** The state of a job, and the job as it was then: read one after the other, they may be of two moments. `undefined`: there is none. */
async function jobAndState(
  queue: Queues["dumps"],
  id: string,
): Promise<{ readonly job: Job; readonly state: JobState | "unknown" } | undefined> {
  let state = await queue.getJobState(id);
  for (let tries = 1; ; tries++) {
    const job = (await queue.getJob(id)) as Job | undefined;
    if (job === undefined) return undefined;
    const after = await queue.getJobState(id);
    // Somebody else's job may never be in any state.
    if (after === state || tries === MOST_TRIES) return { job, state: after };
    state = after;
  }
}

const MOST_TRIES = 10;
/** Seconds after which nobody waits any more for a run that was removed to be made again: who wanted that has died. */
const REMEMBER_AGAIN = 10;
/** Milliseconds between two looks at whether it is there again. */
const LOOK = 20;

/** A job, also one that is being submitted again just now. */
async function jobIfThere({ dumps, redis }: Queues, id: string): Promise<Job | undefined> {
  for (;;) {
    const job = (await dumps.getJob(id)) as Job | undefined;
    if (job !== undefined) return job;
    // It may have come in between the two questions.
    if ((await redis.exists(againKey(id))) === 0) return (await dumps.getJob(id)) as Job | undefined;
    await setTimeout(LOOK);
  }
}

async function stateIfThere(queues: Queues, id: string): Promise<RunState | undefined> {
  while ((await jobIfThere(queues, id)) !== undefined) {
    const found = await jobAndState(queues.dumps, id);
    if (found !== undefined) return describe(queues, found.job, found.state);
  }
  return undefined;
}

async function describe(queues: Queues, job: Job, state: JobState | "unknown"): Promise<RunState> {
  const data = dumpJob(job.data);
  const { planned } = data;
  const shards = planned === undefined ? undefined : await shardStates(queues, job.id as string, data, planned);
  const progress = job.progress as { step?: string };
  const name = nameOf(state, planned !== undefined, progress.step);
  const result = job.returnvalue as { result?: { outputBytes?: number } } | null;
  const isOver = name === "done" || name === "failed";
  return {
    id: job.id as string,
    state: name,
    ...{ inputs: data.inputs, output: data.output, submitted: data.submitted },
    progress: name === "done" ? 1 : (shards?.progress ?? 0),
    shards: shards && { all: shards.all, done: shards.done, active: shards.active, failed: shards.failed },
    hosts: shards?.hosts ?? [],
    outputBytes: result?.result?.outputBytes,
    // BullMQ keeps the reason of the last try, and has an empty one for none.
    reason: name === "failed" || name === "waiting" ? job.failedReason || undefined : undefined,
    cancelled: !isOver && (await queues.redis.exists(cancelKey(job.id as string))) > 0,
  };
}

function nameOf(state: JobState | "unknown", planned: boolean, step: string | undefined): RunState["state"] {
  if (state === "completed") return "done";
  if (state === "failed") return "failed";
  if (state === "waiting-children") return "shards";
  if (state === "active") return planned ? (step === "finish" ? "finishing" : "shards") : "planning";
  return planned ? "shards" : "waiting";
}

async function shardStates(
  { shards }: Queues,
  id: string,
  { round }: DumpJob,
  planned: NonNullable<DumpJob["planned"]>,
) {
  let [done, active, failed, pages] = [0, 0, 0, 0];
  const hosts = new Set<string>();
  for (let index = 0; index < planned.shards; index++) {
    const job = await lastTry(shards, id, round, index);
    const state = await job?.getState();
    const all = (job?.data as { pages?: number } | undefined)?.pages ?? 0;
    const told = job?.progress as { pages?: number; host?: string } | undefined;
    if (state === "completed") [done, pages] = [done + 1, pages + all];
    if (state === "failed") failed++;
    if (state !== "active") continue;
    active++;
    pages += Math.min(all, told?.pages ?? 0);
    if (told?.host !== undefined) hosts.add(told.host);
  }
  const progress = planned.kept === 0 ? 1 : Math.min(1, pages / planned.kept);
  return { all: planned.shards, done, active, failed, progress, hosts: [...hosts] };
}

/** A shard has a job in the first round, and in those in which it was made again. */
async function lastTry(shards: Queues["shards"], id: string, round: number, index: number): Promise<Job | undefined> {
  for (let at = round; at >= 0; at--) {
    const job = (await shards.getJob(shardJobId(id, at, index))) as Job | undefined;
    if (job !== undefined) return job;
  }
  return undefined;
}

/** Seconds that a wish to cancel is remembered: until a worker is there that can clean up. */
const REMEMBER_CANCEL = 30 * 24 * 3600;

/**
 * Ends a run. Workers stop what they have of it, and one of them removes what is in its staging folder: this program need not reach it.
 * Returns `false` for one that is over already.
 */
export async function cancelRun(queues: Queues, known: Job): Promise<boolean> {
  const id = known.id as string;
  if ((await known.getState()) === "completed") return false;
  await queues.redis.set(cancelKey(id), "1", "EX", REMEMBER_CANCEL);
  // Read after the wish is there: workers look for it, and what they did before shows here.
  const found = await jobAndState(queues.dumps, id);
  if (found === undefined) return true;
  const { job } = found;
  let { state } = found;
  if ((state === "waiting" || state === "prioritized") && job.attemptsStarted === 0) {
    // A worker may have taken it just now: then it ends it.
    const removed = await job.remove().then(
      () => true,
      () => false,
    );
    if (removed) return true;
    state = await job.getState();
  }
  if (state === "completed") return false;
  if (state === "waiting-children") await job.removeUnprocessedChildren();
  // What failed has kept what was done: a worker takes it once more, to remove that.
  if (state === "failed") await job.retry("failed");
  return true;
}

/** Makes what failed of a run again, and nothing that is done. Throws `BAD_OPTION` for one that has not failed. */
export async function retryRun(queues: Queues, known: Job): Promise<void> {
  const id = known.id as string;
  const found = await jobAndState(queues.dumps, id);
  if (found?.state !== "failed") {
    const { state } = await runState(queues, known);
    throw new DumpError("BAD_OPTION", `${id} has not failed: ${state === "done" ? "it is done" : "it goes on"}`, {
      cure: "Only what failed can be made again; `coresieve submit --again` makes a run anew",
    });
  }
  const { job } = found;
  const data = dumpJob(job.data);
  await queues.redis.del(cancelKey(id));
  await job.updateData({ ...data, round: data.round + 1 });
  await job.retry("failed");
}
