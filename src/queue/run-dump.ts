import type { Job } from "bullmq";
import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import { inputChanged } from "../reader/source/input-changed.js";
import { checkOptions } from "../run/check-options.js";
import type { FilterProgress, FilterResult } from "../run/filter-types.js";
import { planDump } from "../run/plan-dump.js";
import { openSession } from "../run/session.js";
import { finishShards } from "../shard/finish-shards.js";
import type { OutputPlace } from "../shard/output-place.js";
import { readPlan, writePlan } from "../shard/plan-files.js";
import { doneSizes } from "../shard/shard-done.js";
import { automaticShards, type ShardPlan, type ShardRange, shardPlan } from "../shard/shard-plan.js";
import type { Staging } from "../shard/staging.js";
import { Warnings } from "../warnings.js";
import { type DumpDone, finishedBefore, noteFinished } from "./finished.js";
import { type Hand, type Host, RunEnded, TakenOver } from "./host.js";
import { type DumpJob, dumpJob, newShardJob, shardJobId } from "./job-data.js";
import { filterOptionsOf, holdVmlinux, openJobInput, placeOf } from "./open-job.js";
import { cancelKey, JOB_OPTIONS } from "./queues.js";

/**
 * The job of a dump: pass 1, then it waits for its shards, then it finishes the output. It may be begun anew at any point: what is done
 * is found in the staging folder. Returns `undefined` where it has to wait for its shards.
 */
export async function runDump(host: Host, job: Job, token: string, hand: Hand): Promise<DumpDone | undefined> {
  const id = job.id as string;
  const data = dumpJob(job.data);
  const done = await finishedBefore(host.queues, job);
  const places = await placeOf(id, data, host);
  try {
    if (done === undefined) return await runIn(host, job, data, places, { ...hand, token });
    await places.staging.remove();
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
  hand: Planner,
): Promise<DumpDone | undefined> {
  const id = job.id as string;
  if (await isCancelled(host, id)) return cancel(host, job, places);
  const planned = data.planned ?? (await plan(host, job, data, places, hand));
  const current = { ...data, planned };
  if (planned.round !== data.round) await addShards(host, job, current, places);
  if (await job.moveToWaitingChildren(hand.token)) return undefined;
  // Who cancels does so while this job waits.
  if (await isCancelled(host, id)) return cancel(host, job, places);
  return finish(host, job, current, places);
}

type Planned = NonNullable<DumpJob["planned"]>;

/** Who plans; the lock's token is nobody else's. */
interface Planner extends Hand {
  readonly token: string;
}

/**
 * The files of one planner's plan. Each has names of its own: who is stopped between his last look at the lock and writing a file writes it
 * however much later, and another's plan, by which shards are made, must be as it was.
 */
function planStaging(staging: Staging, files: string): Staging {
  return {
    ...staging,
    read: (name) => staging.read(`${files}-${name}`),
    write: (name, bytes) => staging.write(`${files}-${name}`, bytes),
  };
}

/** Pass 1. */
async function plan(host: Host, job: Job, data: DumpJob, place: OutputPlace, hand: Planner): Promise<Planned> {
  try {
    return await makePlan(host, job, data, place, hand);
  } catch (error) {
    // Half a plan is of no use to anybody. Another worker's is, and so is what is kept for the next try.
    const isOurs = error instanceof DumpError && (await hand.holds());
    if (isOurs || (await isThrough(host, job))) await place.staging.remove().catch(() => undefined);
    throw error;
  }
}

/** Whether a run is over and needs its staging folder no more. */
async function isThrough(host: Host, job: Job): Promise<boolean> {
  const id = job.id as string;
  const state = await host.queues.dumps.getJobState(id);
  return state === "completed" || state === "unknown" || (state === "failed" && (await isCancelled(host, id)));
}

async function makePlan(host: Host, job: Job, data: DumpJob, place: OutputPlace, hand: Planner): Promise<Planned> {
  const { output, staging } = place;
  await place.check(data.force);
  const warnings = new Warnings({ strict: data.strict });
  const input = await openJobInput(data, host.allowed, warnings);
  let vmlinux: Awaited<ReturnType<typeof holdVmlinux>> | undefined;
  try {
    vmlinux = await holdVmlinux(data, host.allowed);
    const options = filterOptionsOf(data, output, vmlinux.name, warnings, host.threads, hand.signal);
    checkOptions(options);
    let state = { step: "open", done: 0, total: 0 };
    hand.report(() => state);
    const onProgress = ({ phase, done, total }: FilterProgress) => {
      state = { step: phase, done, total };
    };
    const planned = await planDump(openSession(input, options), { ...options, onProgress }, host.threads);
    await planned.pool.end();
    hand.report(() => undefined);
    const workers = await host.queues.shards.getWorkersCount().catch(() => 1);
    const count = data.shards === 0 ? automaticShards(planned.kept, workers) : data.shards;
    const made = shardPlan(planned, data.identity, options, count);
    const changed = inputChanged(input.image);
    if (changed !== undefined) throw changed;
    const check = async () => {
      if (!(await hand.holds())) throw new TakenOver();
    };
    // Who was taken for dead must not bring back what is over: that may have been while it wrote.
    await check();
    await place.create();
    const files = hand.token.slice(0, 8);
    const digest = await writePlan(planStaging(staging, files), made);
    await check();
    const size = { shards: made.shards.length, kept: made.kept };
    const result = { digest, files, ...size, round: -1, program: packageVersion() };
    await job.updateData({ ...data, planned: result });
    host.log(`${job.id}: ${made.kept} pages are kept, in ${made.shards.length} shards`);
    return result;
  } finally {
    vmlinux?.letGo();
    input.close();
  }
}

async function addShards(
  host: Host,
  job: Job,
  data: DumpJob & { planned: Planned },
  { staging }: OutputPlace,
): Promise<void> {
  const id = job.id as string;
  const { digest, shards } = data.planned;
  const made = await planOf(host, staging, data.planned);
  const jobs: Parameters<typeof host.queues.shards.addBulk>[0] = [];
  let next = 0;
  for await (const done of doneSizes(staging, shards)) {
    const index = next++;
    if (done !== undefined || (await hasJob(host, shardJobId(id, data.round, index)))) continue;
    const { pages } = made.shards[index] as ShardRange;
    jobs.push({
      name: "shard",
      data: newShardJob({ dump: id, index, shards, pages, digest }),
      opts: {
        ...JOB_OPTIONS,
        jobId: shardJobId(id, data.round, index),
        timestamp: host.queues.clock.now(),
        priority: data.priority,
        parent: { id, queue: job.queueQualifiedName },
        // One that fails ends nothing: the others go on, and what they make is kept for the next try.
        ignoreDependencyOnFailure: true,
      },
    });
  }
  await host.queues.shards.addBulk(jobs);
  await job.updateData({ ...data, planned: { ...data.planned, round: data.round } });
  await job.updateProgress({ step: "shards", done: made.shards.length - jobs.length, total: made.shards.length });
}

/**
 * A worker that died when it had added the shards' jobs leaves them. One that has failed since would hold the run up for ever if it were
 * added again: BullMQ makes the run wait for it.
 */
async function hasJob({ queues }: Host, id: string): Promise<boolean> {
  return (await queues.shards.getJob(id)) !== undefined;
}

/** A plan, read once for the shards of a dump that follow each other. */
export function planOf(
  host: Host,
  staging: Staging,
  { digest, files }: Pick<Planned, "digest" | "files">,
): Promise<ShardPlan> {
  const known = host.plans.get(digest);
  if (known !== undefined) return known;
  host.plans.clear();
  const plan = readPlan(planStaging(staging, files), digest);
  host.plans.set(digest, plan);
  plan.catch(() => host.plans.delete(digest));
  return plan;
}

async function finish(
  host: Host,
  job: Job,
  data: DumpJob & { planned: Planned },
  places: OutputPlace,
): Promise<DumpDone> {
  try {
    return await finishOutput(host, job, data, places);
  } catch (error) {
    // Another worker that had been taken for dead was faster, and has removed what is needed for it.
    const done = await finishedBefore(host.queues, job).catch(() => undefined);
    if (done !== undefined) return done;
    if (await isCancelled(host, job.id as string)) return cancel(host, job, places);
    throw error;
  }
}

async function finishOutput(
  host: Host,
  job: Job,
  data: DumpJob & { planned: Planned },
  places: OutputPlace,
): Promise<DumpDone> {
  const { staging } = places;
  await checkShards(host, job, data, places);
  await job.updateProgress({ step: "finish", done: 0, total: 1 });
  const made = await planOf(host, staging, data.planned);
  const sink = await places.sink(made, data.force);
  let result: FilterResult;
  try {
    result = await finishShards(made, staging, sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  const done = { output: data.output, shards: data.planned.shards, result };
  // First the account, then the folder: who takes over in between finds one of them.
  await noteFinished(host.queues, job, done);
  await staging.remove();
  host.plans.clear();
  host.log(`${job.id}: ${data.output} is there, ${result.outputBytes} bytes`);
  return done;
}

/** All shards are through: did any of them fail? What is done is kept, unless it is worth nothing. */
async function checkShards(
  host: Host,
  job: Job,
  { planned, round, inputs }: DumpJob & { planned: Planned },
  { staging }: OutputPlace,
): Promise<void> {
  const missing: number[] = [];
  let next = 0;
  for await (const done of doneSizes(staging, planned.shards)) {
    if (done === undefined) missing.push(next);
    next++;
  }
  if (missing.length === 0) return;
  const reasons: string[] = [];
  for (const index of missing.slice(0, 3)) {
    const shard = await host.queues.shards.getJob(shardJobId(job.id as string, round, index));
    reasons.push(shard?.failedReason ?? `shard ${index + 1} of ${planned.shards} has left nothing`);
  }
  const what = `${missing.length} of ${planned.shards} shards failed: ${reasons.join("; ")}`;
  const changed = reasons.some((reason) => reason.endsWith("[INPUT_CHANGED]"));
  if (changed) await staging.remove();
  throw new host.queues.bullmq.UnrecoverableError(
    changed
      ? `${what}. Nothing was left behind; submit it again`
      : `${what}. What is done is kept: \`coresieve jobs retry ${job.id}\` makes the rest of ${inputs[0]}`,
  );
}

/** Whether a run is to end. */
export async function isCancelled(host: Host, dump: string): Promise<boolean> {
  return (await host.queues.redis.exists(cancelKey(dump))) > 0;
}

/** Ends a run that was cancelled while this worker had it. Throws `NOT_WRITABLE` for a folder that it may not touch. */
export async function cancelDump(host: Host, job: Job): Promise<never> {
  const place = await placeOf(job.id as string, dumpJob(job.data), host);
  try {
    return await cancel(host, job, place);
  } finally {
    place.letGo();
  }
}

async function cancel(host: Host, job: Job, { staging }: OutputPlace): Promise<never> {
  await staging.remove();
  host.plans.clear();
  host.log(`${job.id}: cancelled, nothing was left behind`);
  throw new RunEnded();
}
