import type { Job } from "bullmq";
import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import type { FilterResult } from "../run/filter-types.js";
import { planToFinish } from "../shard/finish-plan.js";
import { finishShards } from "../shard/finish-shards.js";
import { missingShards } from "../shard/left-shards.js";
import { makePlan } from "../shard/make-plan.js";
import type { OutputPlace } from "../shard/place.js";
import { planFiles, readPlan, writePlan } from "../shard/plan-files.js";
import { forgetDone } from "../shard/shard-done.js";
import type { FinishPlan, ShardPlan } from "../shard/shard-plan.js";
import type { Staging } from "../shard/staging.js";
import { ringAll } from "./bell.js";
import { type DumpDone, finishedBefore, noteFinished } from "./finished.js";
import { type Failed, type Hand, type Host, RunEnded, TakenOver } from "./host.js";
import { type DumpJob, dumpJob, newShardJob, shardJobId } from "./job-data.js";
import { placeOf } from "./open-job.js";
import { cancelKey, JOB_OPTIONS } from "./queues.js";

/**
 * The job of a dump: pass 1, then waiting for its shards, then finishing the output. It may be started again at any
 * point: what is done is found in the staging. Returns `undefined` if it must wait for its shards.
 */
export async function runDump(host: Host, job: Job, token: string, hand: Hand): Promise<DumpDone | undefined> {
  const id = job.id as string;
  const data = dumpJob(job.data);
  const done = await finishedBefore(host.queues, job);
  const places = await placeOf(id, data, host);
  try {
    if (done === undefined) return await runIn(host, job, data, places, { ...hand, token });
    await places.remove();
    return done;
  } finally {
    places.letGo();
  }
}

async function runIn(
  host: Host,
  job: Job,
  data: DumpJob,
  places: OutputPlace,
  hand: Hand & { readonly token: string },
): Promise<DumpDone | undefined> {
  const id = job.id as string;
  if (await isCancelled(host, id)) return cancel(host, job, places);
  const known = data.planned;
  const isSound = known !== undefined && (await isPlanThere(host, data, known, places));
  // The worker that finishes the output removes the plan; another worker may just have done so.
  const other = known !== undefined && !isSound ? await finishedBefore(host.queues, job) : undefined;
  if (other !== undefined) return other;
  const current = isSound ? { ...data, planned: known } : await planRun(host, job, data, places, hand);
  const { planned } = current;
  if (planned.round !== data.round) {
    if (!(await hand.holds())) throw new TakenOver();
    await places.of(planned.digest).create();
    // What other plans of this run left (other shards, another version) is useless for this plan.
    await places.remove(planned.digest);
    await addShards(host, job, current, places);
  }
  if (await job.moveToWaitingChildren(hand.token)) return undefined;
  // The run may have been cancelled while this job waited.
  if (await isCancelled(host, id)) return cancel(host, job, places);
  return finish(host, job, current, places);
}

type Planned = NonNullable<DumpJob["planned"]>;

type PlannedJob = DumpJob & { readonly planned: Planned };

/**
 * Whether the plan that the job names exists and is complete. A lost or damaged plan is made again. So is the plan of
 * another version at the beginning of a round, but not while that version's workers may make shards with it. Throws
 * `NOT_READABLE`, `UNSUPPORTED`.
 */
async function isPlanThere(host: Host, { round }: DumpJob, planned: Planned, place: OutputPlace): Promise<boolean> {
  // A plan in memory does not show what happened to its files.
  if (planned.round !== round) host.plans.clear();
  try {
    await planOf(host, place.of(planned.digest).staging);
    return true;
  } catch (error) {
    const code = error instanceof DumpError ? error.code : undefined;
    if (code === "CORRUPT" || (code === "UNSUPPORTED" && planned.round !== round)) return false;
    throw error;
  }
}

/** Pass 1. */
async function planRun(host: Host, job: Job, data: DumpJob, place: OutputPlace, hand: Hand): Promise<PlannedJob> {
  const made: { digest?: string } = {};
  try {
    return await newPlan(host, job, data, place, hand, made);
  } catch (error) {
    // An incomplete plan is useless. But another worker's plan, and what is kept for the next try, must not be removed.
    const isOurs = error instanceof DumpError && (await hand.holds());
    if (isOurs || (await isThrough(host, job))) await place.remove().catch(() => undefined);
    else if (error instanceof TakenOver && made.digest !== undefined)
      await removeUnnoted(host, job, place, made.digest);
    throw error;
  }
}

/** Removes the plan of a worker that counted as dead, unless the worker that took over has the same. */
async function removeUnnoted(host: Host, job: Job, place: OutputPlace, digest: string): Promise<void> {
  const now = (await host.queues.dumps.getJob(job.id as string)) as Job | undefined;
  const planned = now === undefined ? undefined : dumpJob(now.data).planned;
  if (planned !== undefined && planned.digest !== digest) await place.removePlan(digest).catch(() => undefined);
}

/** Whether a run is finished and does not need its staging any more. */
async function isThrough(host: Host, job: Job): Promise<boolean> {
  const id = job.id as string;
  const state = await host.queues.dumps.getJobState(id);
  return state === "completed" || state === "unknown" || (state === "failed" && (await isCancelled(host, id)));
}

async function newPlan(
  host: Host,
  job: Job,
  data: DumpJob,
  place: OutputPlace,
  hand: Hand,
  noted: { digest?: string },
): Promise<PlannedJob> {
  await place.check(data.force);
  let state = { step: "open", done: 0, total: 0 };
  hand.report(() => state);
  const made = await makePlan({
    request: data,
    output: place.output,
    ...{ allowed: host.allowed, threads: host.threads, signal: hand.signal, shards: data.shards },
    workers: () => host.queues.shards.getWorkersCount().catch(() => undefined),
    onProgress({ phase, done, total }) {
      state = { step: phase, done, total };
    },
    onClassified: () => hand.report(() => undefined),
  });
  const check = async () => {
    if (!(await hand.holds())) throw new TakenOver();
  };
  // A worker that counted as dead must not overwrite another's plan, nor write files of a finished run again; that may
  // have happened while it wrote.
  await check();
  const files = await planFiles(made);
  const { digest } = files;
  noted.digest = digest;
  const own = place.of(digest);
  await own.create();
  await writePlan(own.staging, files);
  await check();
  // Like every other worker reads it, but from memory.
  host.plans.clear();
  const plan = readPlan({ ...own.staging, read: async (name) => files.files.get(name) });
  // Whoever asks for it gets the error.
  plan.catch(() => undefined);
  host.plans.set(digest, plan);
  // Jobs of an earlier plan may exist under the names of this round.
  const round = data.planned === undefined || data.planned.digest === digest ? data.round : data.round + 1;
  const planned = { digest, shards: made.shards.length, kept: made.kept, round: -1, program: packageVersion() };
  const current = { ...data, round, planned };
  await job.updateData(current);
  host.log(
    `${job.id}: ${made.kept} pages are kept, in ${made.shards.length === 1 ? "1 shard" : `${made.shards.length} shards`}`,
  );
  return current;
}

/** Each round has a job for each shard. Jobs of finished shards check whether their data still exist. */
async function addShards(host: Host, job: Job, data: PlannedJob, place: OutputPlace): Promise<void> {
  const id = job.id as string;
  const { digest, shards } = data.planned;
  const made = await planOf(host, place.of(digest).staging);
  const jobs: Parameters<typeof host.queues.shards.addBulk>[0] = [];
  for (const [index, { pages }] of made.shards.entries()) {
    if (await hasJob(host, shardJobId(id, data.round, index))) continue;
    jobs.push({
      name: "shard",
      data: newShardJob({ dump: id, index, shards, pages, digest }),
      opts: {
        ...JOB_OPTIONS,
        jobId: shardJobId(id, data.round, index),
        timestamp: host.queues.clock.now(),
        priority: data.priority,
        parent: { id, queue: job.queueQualifiedName },
        // A failed shard ends nothing: the others continue, and their results are kept for the next try.
        ignoreDependencyOnFailure: true,
      },
    });
  }
  await host.queues.shards.addBulk(jobs);
  await ringAll(host.queues);
  await job.updateData({ ...data, planned: { ...data.planned, round: data.round } });
  await job.updateProgress({ step: "shards", done: made.shards.length - jobs.length, total: made.shards.length });
}

/**
 * Whether a shard's job exists already: a worker that dies after adding jobs leaves them. If one of them has failed
 * since, adding it again would stop the run for ever, because BullMQ makes the run wait for it.
 */
async function hasJob({ queues }: Host, id: string): Promise<boolean> {
  return (await queues.shards.getJob(id)) !== undefined;
}

/** The plan of a staging, read once for consecutive shards of a dump. */
export function planOf(host: Host, staging: Staging): Promise<ShardPlan> {
  const digest = staging.plan;
  const known = host.plans.get(digest);
  if (known !== undefined) return known;
  host.plans.clear();
  const plan = readPlan(staging);
  host.plans.set(digest, plan);
  plan.catch(() => host.plans.delete(digest));
  return plan;
}

async function finish(host: Host, job: Job, data: PlannedJob, places: OutputPlace): Promise<DumpDone> {
  try {
    return await finishOutput(host, job, data, places);
  } catch (error) {
    // Another worker, which counted as dead, was faster, and has removed what is needed.
    const done = await finishedBefore(host.queues, job).catch(() => undefined);
    if (done !== undefined) return done;
    if (await isCancelled(host, job.id as string)) return cancel(host, job, places);
    throw error;
  }
}

async function finishOutput(host: Host, job: Job, data: PlannedJob, places: OutputPlace): Promise<DumpDone> {
  const place = places.of(data.planned.digest);
  const made = await planToFinish(() => planOf(host, place.staging), place.staging);
  host.plans.delete(place.staging.plan);
  await checkShards(host, job, data, places, made);
  await job.updateProgress({ step: "finish", done: 0, total: 1 });
  const sink = await place.sink(made, data.force, host.access);
  let result: FilterResult;
  try {
    result = await finishShards(made, place.staging, sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  const done = { output: data.output, shards: data.planned.shards, result };
  // First the result, then the folder: a worker that takes over between the two finds one of them.
  await noteFinished(host.queues, job, done);
  // Only this plan's files: Redis may have forgotten this run, and it may have been submitted again meanwhile.
  await places.removePlan(data.planned.digest).catch((error: unknown) => {
    host.log(
      `${job.id}: ${data.output} is there, but its staging is too (\`coresieve jobs clean\`): ${error instanceof Error ? error.message : error}`,
    );
  });
  logUnsure(host, job, places);
  host.plans.clear();
  host.log(`${job.id}: ${data.output} is there, ${result.outputBytes} bytes`);
  return done;
}

function logUnsure(host: Host, job: Job, place: OutputPlace): void {
  const unsure = place.unsure?.();
  if (unsure !== undefined) host.log(`${job.id}: ${unsure}`);
}

/** All shards are finished: checks whether any of them failed. Finished shards are kept, unless they are useless. */
async function checkShards(
  host: Host,
  job: Job,
  data: PlannedJob,
  places: OutputPlace,
  made: FinishPlan,
): Promise<void> {
  const { planned, round, inputs } = data;
  const place = places.of(planned.digest);
  const missing = await missingShards(made, place);
  if (missing.length === 0) return;
  const reasons: string[] = [];
  let failed = 0;
  let changed = false;
  for (const index of missing) {
    const shard = await host.queues.shards.getJob(shardJobId(job.id as string, round, index));
    if ((await shard?.isCompleted()) === false) failed++;
    changed ||= (shard?.progress as Partial<Failed> | undefined)?.failed === "INPUT_CHANGED";
    if (reasons.length < 3) {
      reasons.push(shard?.failedReason ?? `shard ${index + 1} of ${planned.shards} is missing or was changed`);
    }
  }
  const what = `${missing.length} of ${planned.shards} shards failed: ${reasons.join("; ")}`;
  if (failed === 0) {
    // They were done, but their files are missing: the next try of this job makes them again.
    for (const index of missing) await forgetDone(place.staging, index);
    await job.updateData({ ...data, round: round + 1 });
    const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    throw new Error(
      `${what}. ${isLast ? `\`coresieve jobs retry ${job.id}\` makes` : "The next try makes"} them again`,
    );
  }
  if (changed) await places.remove();
  throw new host.queues.bullmq.UnrecoverableError(
    changed
      ? `${what}. ${places.unsure?.() ?? "Nothing was left behind"}; submit it again`
      : `${what}. What is done is kept: \`coresieve jobs retry ${job.id}\` makes the rest of ${inputs[0]}`,
  );
}

/** Whether a run has been cancelled. */
export async function isCancelled(host: Host, dump: string): Promise<boolean> {
  return (await host.queues.redis.exists(cancelKey(dump))) > 0;
}

/** Ends a run that was cancelled while this worker had it. Throws `NOT_WRITABLE` for a folder that it may not use. */
export async function cancelDump(host: Host, job: Job): Promise<never> {
  const place = await placeOf(job.id as string, dumpJob(job.data), host);
  try {
    return await cancel(host, job, place);
  } finally {
    place.letGo();
  }
}

async function cancel(host: Host, job: Job, place: OutputPlace): Promise<never> {
  await place.remove();
  host.plans.clear();
  host.log(`${job.id}: cancelled; ${place.unsure?.() ?? "nothing was left behind"}`);
  throw new RunEnded();
}
