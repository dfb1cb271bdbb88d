import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Job, Telemetry, Worker, WorkerOptions } from "bullmq";
import { DumpError } from "../errors.js";
import type { StoreThread } from "../store/open-store.js";
import { WorkerThreads } from "../worker/threads.js";
import { allowedFolders } from "./allowed.js";
import { holdLock } from "./hold-lock.js";
import { Cancelled, type Failed, HandedBack, type Host, type Refused, RunEnded, TakenOver } from "./host.js";
import { type DumpJob, OtherFormat, shardJob } from "./job-data.js";
import { runAgain } from "./jobs.js";
import { dumpOf, jobName, lookAround } from "./look-around.js";
import { newCounters, serveMetrics } from "./metrics.js";
import { DUMPS, openQueues, PREFIX, SHARDS } from "./queues.js";
import { cancelDump, isCancelled, runDump } from "./run-dump.js";
import { describeFailure, runShard } from "./run-shard.js";

/** How a worker works. */
export interface WorkerSettings {
  readonly redis: string;
  /** Folders that it may touch, and `s3://bucket/prefix/`. */
  readonly allow: readonly string[];
  /** Jobs that have a processor at once. */
  readonly concurrency: number;
  /** Encoded shards that may wait for the shards before them, besides. */
  readonly waiting: number;
  /** Threads of all jobs together. */
  readonly threads: number | undefined;
  readonly spoolDir: string;
  /** Milliseconds without a sign of life after which another worker takes a job over. */
  readonly takeover: number;
  /** Milliseconds that jobs in hand get when the worker is to stop; what is not done then is handed back. */
  readonly grace: number;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly telemetry: Telemetry | undefined;
  /** Ends the worker. */
  readonly signal: AbortSignal;
  log(line: string): void;
}

/** Milliseconds between two looks for jobs where there are none. */
const IDLE = 500;
/** Milliseconds after which a shard that was handed back may be taken again. */
const AGAIN = 2000;
/** The same for a job that this worker cannot do, and another may: one of another version. */
const REFUSED_AGAIN = 5000;
/** How often a job may lose its worker: one that kills workers must not go on for ever. */
const MAX_STALLED = 5;

/** A job in hand. */
interface InHand {
  readonly job: Job;
  readonly token: string;
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
  /** Where an encoded shard stands in its dump; it waits for those before it. */
  waits: number | undefined;
  /** What became of it was decided by who knew that its run was cancelled. */
  knowsCancel: boolean;
}

/**
 * Takes jobs from the queue until `signal` comes. Jobs are fetched one by one, when there is a processor for them, and not ahead: another
 * host may have one sooner. Throws `BAD_OPTION`, and `NOT_READABLE` where Redis does not answer at the start; later it waits for it.
 */
export async function runWorker(settings: WorkerSettings): Promise<void> {
  const { takeover, signal, log } = settings;
  const allowed = allowedFolders(settings.allow);
  const queues = await openQueues(settings.redis, { telemetry: settings.telemetry });
  const counters = newCounters();
  const threads = new WorkerThreads(settings.threads);
  const name = `${hostname()}:${process.pid}`;
  let opened: Promise<StoreThread> | undefined;
  // Who works in folders never loads it.
  const store = () => {
    opened ??= import("../store/open-store.js").then(({ openStore }) => openStore());
    return opened;
  };
  const inHand = new Set<InHand>();
  const make = (queue: string, run: (job: Job, token?: string) => Promise<unknown>): Worker => {
    const options: WorkerOptions = {
      connection: queues.redis,
      ...{ prefix: PREFIX, name, autorun: false, skipLockRenewal: true },
      ...{ lockDuration: takeover, stalledInterval: takeover / 2, maxStalledCount: MAX_STALLED, runRetryDelay: IDLE },
      // Only so does BullMQ count what is completed and failed, for /metrics.
      metrics: { maxDataPoints: 60 },
      ...(settings.telemetry === undefined ? {} : { telemetry: settings.telemetry }),
    };
    const worker = new queues.bullmq.Worker(queue, run, options, queues.backend);
    // What goes wrong shows in the calls. Lost locks and lost connections are passed over: another takes the job.
    worker.on("error", (error) => log(`queue: ${error.message}`));
    worker.on("stalled", (id) => log(`${id}: its worker is gone, it is taken over`));
    return worker;
  };
  const workers = {
    dumps: make(DUMPS, (job, token) => work(job, token as string, true)),
    shards: make(SHARDS, (job, token) => work(job, token as string, false)),
  };
  const host: Host = {
    ...{ name, queues, allowed, threads, store, counters, workers, log },
    spoolDir: settings.spoolDir,
    plans: new Map(),
  };
  const hands = new Map<string, InHand>();

  /** What BullMQ calls for a job. What it throws tells BullMQ what becomes of the job. */
  const work = async (job: Job, token: string, isDump: boolean): Promise<unknown> => {
    const hand = hands.get(token) as InHand;
    const { stop } = hand;
    const dump = isDump ? (job.id as string) : dumpOf(job);
    let state: (() => object | undefined) | undefined;
    const holds = () => holdLock(queues.redis, isDump ? queues.dumps : queues.shards, job, token, takeover);
    const watch = lookAround(host, job, { holds, takeover, dump, stop, state: () => state?.() });
    counters.encoding++;
    let encoding = true;
    const release = () => {
      if (encoding) counters.encoding--;
      encoding = false;
    };
    try {
      const tools = {
        signal: stop.signal,
        report(next: () => object | undefined) {
          state = next;
        },
        holds,
        release() {
          release();
          hand.waits = shardJob(job.data).index;
          counters.waiting++;
          makeRoom();
        },
      };
      const result = isDump ? await runDump(host, job, token, tools) : await runShard(host, job, tools);
      if (result === undefined) throw new queues.bullmq.WaitingChildrenError();
      counters.done++;
      return result;
    } catch (error) {
      if (error instanceof queues.bullmq.WaitingChildrenError) throw error;
      const reason: unknown = stop.signal.aborted ? stop.signal.reason : refusal(job, isDump, error);
      if (reason instanceof HandedBack) {
        counters.handedBack++;
        await handBack(job, token, reason);
        throw new queues.bullmq.DelayedError();
      }
      if (error instanceof TakenOver) {
        log(`${job.id}: ${error.message}`);
        // To BullMQ that is: nothing more is to be done with it here.
        throw new queues.bullmq.DelayedError();
      }
      const failure = isDump ? await unlessCancelled(hand, reason ?? error) : (reason ?? error);
      if (failure instanceof RunEnded) throw new queues.bullmq.UnrecoverableError(failure.message);
      if (failure instanceof queues.bullmq.UnrecoverableError) throw failure;
      counters.failed++;
      const { text, lasting, code } = describeFailure(host, jobName(job, isDump), failure);
      log(`${job.id}: ${text}`);
      // The code for the finishing job, since nobody reads it out of the text. Without it what is done is kept.
      watch.end();
      if (code !== undefined) await job.updateProgress({ failed: code } satisfies Failed).catch(() => undefined);
      throw lasting ? new queues.bullmq.UnrecoverableError(text) : new Error(text);
    } finally {
      watch.end();
      release();
      if (hand.waits !== undefined) counters.waiting--;
      hand.waits = undefined;
    }
  };

  /** What a run failed with; one that fails just when it is cancelled is a cancelled one, too. What cannot be removed now is tried again. */
  const unlessCancelled = async (hand: InHand, failure: unknown): Promise<unknown> => {
    const { job } = hand;
    hand.knowsCancel =
      failure instanceof RunEnded || failure instanceof Cancelled || (await isCancelled(host, job.id as string));
    if (failure instanceof RunEnded || !hand.knowsCancel) return failure;
    return cancelDump(host, job).catch((left: unknown) => left);
  };

  const refused = new Set<string>();
  const handBack = async (job: Job, token: string, { delay, why }: HandedBack): Promise<void> => {
    // What cannot be done here comes back every few seconds.
    if (why === undefined || !refused.has(why)) log(`${job.id}: handed back${why === undefined ? "" : `: ${why}`}`);
    if (why !== undefined) {
      refused.add(why);
      await job.updateProgress({ refused: why } satisfies Refused);
    }
    // BullMQ takes the difference to this host's clock for the delay, and is given Redis's time for now.
    await job.moveToDelayed(Date.now() + delay, token);
  };

  /** Who cancels a run looks at its state when the wish is there; this looks for the wish when it has failed. So one of them sees both. */
  const endIfCancelled = async ({ job, knowsCancel }: InHand): Promise<void> => {
    const id = job.id as string;
    if (knowsCancel || !(await isCancelled(host, id)) || (await queues.dumps.getJobState(id)) !== "failed") return;
    await runAgain(queues, job);
  };

  /** Too many shards wait here: the last one goes back, for one before it may need this worker. */
  const makeRoom = () => {
    const waiting = [...inHand].filter(({ waits }) => waits !== undefined);
    if (waiting.length <= settings.waiting) return;
    const last = waiting.reduce((a, b) => ((b.waits as number) > (a.waits as number) ? b : a));
    last.stop.abort(new HandedBack(AGAIN));
  };

  let turn = 0;
  const fetch = async (): Promise<boolean> => {
    // By turns: a dump that waits to be finished and shards of another both get on.
    const order = turn++ % 2 === 0 ? [workers.dumps, workers.shards] : [workers.shards, workers.dumps];
    for (const worker of order) {
      const token = randomUUID();
      const job = (await worker.getNextJob(token, { block: false })) as Job | undefined;
      if (job === undefined) continue;
      const stop = new AbortController();
      const hand: InHand = { job, token, stop, waits: undefined, done: Promise.resolve(), knowsCancel: false };
      hands.set(token, hand);
      inHand.add(hand);
      const done = worker
        .processJob(job, token, () => false)
        .then(() => (worker === workers.dumps ? endIfCancelled(hand) : undefined))
        .catch((error: unknown) => log(`${job.id}: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => {
          inHand.delete(hand);
          hands.delete(token);
        });
      Object.assign(hand, { done });
      return true;
    }
    return false;
  };

  const server = settings.metrics && (await serveMetrics(settings.metrics, queues, counters));
  try {
    for (const worker of [workers.dumps, workers.shards]) {
      await worker.waitUntilReady();
      await worker.startStalledCheckTimer();
    }
    log(`${name}: waits for jobs`);
    while (!signal.aborted) {
      // Redis may be away: then nothing is fetched, either.
      void queues.clock.sync().catch(() => undefined);
      const busy = [...inHand].filter(({ waits }) => waits === undefined).length;
      const taken = busy < settings.concurrency && (await fetch().catch(() => false));
      if (!taken) await setTimeout(busy < settings.concurrency ? IDLE : IDLE / 10);
    }
    log(`${name}: stops; ${inHand.size} jobs in hand`);
    const over = new AbortController();
    const all = Promise.all([...inHand].map(({ done }) => done));
    await Promise.race([all, setTimeout(settings.grace, undefined, { signal: over.signal })]);
    over.abort();
    for (const { stop } of inHand) stop.abort(new HandedBack(0));
    await Promise.all([...inHand].map(({ done }) => done));
  } finally {
    server?.close();
    await Promise.allSettled([workers.dumps.close(), workers.shards.close()]);
    await queues.close();
    await threads.destroy();
    await (await opened)?.close();
  }
}

/** Why a job is left to another worker that may be able to do it, which is no failed try: this one is of another version, or has another library. */
function refusal(job: Job, isDump: boolean, error: unknown): HandedBack | undefined {
  if (!(error instanceof DumpError) || error.code !== "UNSUPPORTED") return undefined;
  // What cannot be planned here is an odd dump: it was read by nobody yet.
  const isPlanned = !isDump || (job.data as Partial<DumpJob>).planned !== undefined;
  return error instanceof OtherFormat || isPlanned ? new HandedBack(REFUSED_AGAIN, error.message) : undefined;
}
