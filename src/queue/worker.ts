import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Job, Telemetry, Worker } from "bullmq";
import type { StoreThread } from "../store/open-store.js";
import { WorkerThreads } from "../worker/threads.js";
import { allowedFolders } from "./allowed.js";
import { holdLock } from "./hold-lock.js";
import { Cancelled, HandedBack, type Host, TakenOver } from "./host.js";
import { dumpJob, shardJob } from "./job-data.js";
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
/** Milliseconds between two reports of a job's progress, and two looks at whether its run was cancelled. */
const LOOK = 1000;
/** Milliseconds after which a shard that was handed back may be taken again. */
const AGAIN = 2000;
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
}

/**
 * Takes jobs from the queue until `signal` comes. Jobs are fetched one by one, when there is a processor for them, and not ahead: another
 * host may have one sooner. Throws `BAD_OPTION`, and `NOT_READABLE` where Redis does not answer at the start; later it waits for it.
 */
export async function runWorker(settings: WorkerSettings): Promise<void> {
  const { takeover, signal, log } = settings;
  const allowed = allowedFolders(settings.allow);
  const queues = await openQueues(settings.redis, settings.telemetry);
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
    const worker = new queues.bullmq.Worker(queue, run, {
      connection: queues.redis,
      ...{ prefix: PREFIX, name, autorun: false, skipLockRenewal: true },
      ...{ lockDuration: takeover, stalledInterval: takeover / 2, maxStalledCount: MAX_STALLED, runRetryDelay: IDLE },
      // Only so does BullMQ count what is completed and failed, for /metrics.
      metrics: { maxDataPoints: 60 },
      ...(settings.telemetry === undefined ? {} : { telemetry: settings.telemetry }),
    });
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
    const watch = lookAround(host, job, holds, takeover, dump, stop, () => state?.());
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
      if (error instanceof queues.bullmq.WaitingChildrenError || error instanceof queues.bullmq.UnrecoverableError) {
        throw error;
      }
      const reason: unknown = stop.signal.aborted ? stop.signal.reason : undefined;
      if (reason instanceof HandedBack) {
        counters.handedBack++;
        log(`${job.id}: handed back`);
        await job.moveToDelayed(Date.now() + reason.delay, token);
        throw new queues.bullmq.DelayedError();
      }
      if (error instanceof TakenOver) {
        log(`${job.id}: ${error.message}`);
        // To BullMQ that is: nothing more is to be done with it here.
        throw new queues.bullmq.DelayedError();
      }
      let failure = reason ?? error;
      if (reason instanceof Cancelled && isDump) {
        // What cannot be removed now is tried again.
        failure = await cancelDump(host, job).catch((left: unknown) => left);
        if (failure instanceof queues.bullmq.UnrecoverableError) throw failure;
      }
      counters.failed++;
      const { text, lasting } = describeFailure(host, nameOf(job, isDump), failure);
      log(`${job.id}: ${text}`);
      throw lasting ? new queues.bullmq.UnrecoverableError(text) : new Error(text);
    } finally {
      watch.end();
      release();
      if (hand.waits !== undefined) counters.waiting--;
      hand.waits = undefined;
    }
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
      const hand: InHand = { job, token, stop, waits: undefined, done: Promise.resolve() };
      hands.set(token, hand);
      inHand.add(hand);
      const done = worker
        .processJob(job, token, () => false)
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

/** What a job is, for messages: also one whose data are none of ours. */
function nameOf(job: Job, isDump: boolean): string {
  try {
    if (isDump) return `the dump ${dumpJob(job.data).inputs[0]}`;
    const { index, shards } = shardJob(job.data);
    return `shard ${index + 1} of ${shards}`;
  } catch {
    return "a job";
  }
}

/** Of a shard whose data are none of ours there is none; it is refused when it is begun. */
function dumpOf(job: Job): string {
  try {
    return shardJob(job.data).dump;
  } catch {
    return "";
  }
}

/** Keeps a job's lock, tells how far it is, and stops it when its run is cancelled. */
function lookAround(
  host: Host,
  job: Job,
  holds: () => Promise<boolean>,
  takeover: number,
  dump: string,
  stop: AbortController,
  state: () => object | undefined,
): { end(): void } {
  let locked = Date.now();
  let told = "";
  let looking = false;
  let isOver = false;
  const look = async () => {
    const text = JSON.stringify(state());
    const isNew = text !== undefined && text !== told;
    let isOurs = true;
    if (isNew || Date.now() - locked >= takeover / 3) {
      locked = Date.now();
      isOurs = await holds();
    }
    // Another worker's job is as far as that one says.
    const now = state();
    if (isNew && isOurs && !isOver && now !== undefined) {
      told = text;
      await job.updateProgress(now);
    }
    if (await isCancelled(host, dump)) stop.abort(new Cancelled("cancelled"));
  };
  const timer = setInterval(
    () => {
      if (looking) return;
      looking = true;
      // Redis is away for a moment, or the job is another worker's by now: then its bytes are the same as ours.
      look()
        .catch(() => undefined)
        .finally(() => {
          looking = false;
        });
    },
    Math.min(LOOK, takeover / 6),
  );
  return {
    end() {
      isOver = true;
      clearInterval(timer);
    },
  };
}
