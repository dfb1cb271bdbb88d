import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Job, Telemetry, Worker, WorkerOptions } from "bullmq";
import { type AllowedBy, allowedBy } from "../shard/allowed.js";
import type { OutputAccess } from "../shard/output-access.js";
import type { StoreThread } from "../store/open-store.js";
import { WorkerThreads } from "../worker/threads.js";
import { Bell } from "./bell.js";
import { DAY } from "./clean-stagings.js";
import { cleanerOf } from "./cleaner.js";
import type { Host } from "./host.js";
import { JobsInHand } from "./jobs-in-hand.js";
import { newCounters, serveMetrics } from "./metrics.js";
import { DUMPS, openQueues, PREFIX, SHARDS } from "./queues.js";

/** The settings of a worker. */
export interface WorkerSettings {
  readonly redis: string;
  /** Folders that it may read and write, and `s3://bucket/prefix/`. */
  readonly allow: AllowedBy;
  /** The most jobs that have a processor at the same time. */
  readonly concurrency: number;
  /** The most encoded shards that may wait for the shards before them, in addition. */
  readonly waiting: number;
  /** Threads of all jobs together. */
  readonly threads: number | undefined;
  readonly spoolDir: string;
  /** Milliseconds without a sign of life after which another worker takes a job over. */
  readonly takeover: number;
  /** Milliseconds for the present jobs when the worker is stopped; unfinished ones are then handed back. */
  readonly grace: number;
  /**
   * Days for which Redis remembers runs: `coresieve jobs` lists them, and submitting the same dump again finds them.
   */
  readonly keep: { readonly done: number; readonly failed: number };
  /** Hours between two cleanings of the places to which it may write; `undefined`: no cleaning. */
  readonly cleanEvery: number | undefined;
  readonly access: OutputAccess;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly telemetry: Telemetry | undefined;
  /** Stops the worker. */
  readonly signal: AbortSignal;
  log(line: string): void;
}

/** Milliseconds between two checks for jobs, on average, if there are none and the bell is not rung. */
const IDLE = 500;
/**
 * A worker that hands a job back checks at fixed times after that, and so at the very moment when the job may be taken
 * again: always before a worker that could do it. Hence each wait has another length.
 */
const idle = () => IDLE * (0.5 + Math.random());
/** How often a job may lose its worker: a job that kills workers must not be tried for ever. */
const MAX_STALLED = 5;

/**
 * Takes jobs from the queue until `signal` is aborted. Jobs are taken one by one, when there is a processor for them,
 * and not in advance: another host may be able to begin one earlier. Throws `BAD_OPTION`, and `NOT_READABLE` if Redis
 * does not answer at the start; later it waits for Redis.
 */
export async function runWorker(settings: WorkerSettings): Promise<void> {
  const { takeover, signal, log } = settings;
  const allowed = allowedBy(settings.allow);
  const queues = await openQueues(settings.redis, { telemetry: settings.telemetry });
  const counters = newCounters();
  const threads = new WorkerThreads(settings.threads);
  const name = `${hostname()}:${process.pid}`;
  let opened: Promise<StoreThread> | undefined;
  // A worker that uses only folders never loads it.
  const store = () => {
    opened ??= import("../store/open-store.js").then(({ openStore }) => openStore());
    return opened;
  };
  const make = (queue: string, run: (job: Job, token?: string) => Promise<unknown>): Worker => {
    const options: WorkerOptions = {
      connection: queues.redis,
      ...{ prefix: PREFIX, name, autorun: false, skipLockRenewal: true },
      ...{ lockDuration: takeover, stalledInterval: takeover / 2, maxStalledCount: MAX_STALLED, runRetryDelay: IDLE },
      removeOnComplete: { age: (settings.keep.done * DAY) / 1000 },
      removeOnFail: { age: (settings.keep.failed * DAY) / 1000 },
      // Makes BullMQ count completed and failed jobs, for /metrics.
      metrics: { maxDataPoints: 60 },
      ...(settings.telemetry === undefined ? {} : { telemetry: settings.telemetry }),
    };
    const worker = new queues.bullmq.Worker(queue, run, options, queues.backend);
    // Errors are reported by the calls. Lost locks and lost connections are ignored: another worker takes the job.
    worker.on("error", (error) => log(`queue: ${error.message}`));
    worker.on("stalled", (id) => log(`${id}: its worker is gone, it is taken over`));
    return worker;
  };
  const workers = {
    dumps: make(DUMPS, (job, token) => hands.work(job, token as string, true)),
    shards: make(SHARDS, (job, token) => hands.work(job, token as string, false)),
  };
  const bell = new Bell();
  void bell.listen(queues);
  const host: Host = {
    ...{ name, queues, allowed, access: settings.access, threads, store, counters, workers, bell, log },
    spoolDir: settings.spoolDir,
    openedStore: () => opened,
    plans: new Map(),
  };
  const hands = new JobsInHand(host, settings);
  const { cleanEvery: hours } = settings;
  const cleaning = { places: settings.allow.write, keepFailed: settings.keep.failed, signal };
  const cleaner = hours === undefined ? undefined : cleanerOf(host, { ...cleaning, hours });
  const server = settings.metrics && (await serveMetrics(settings.metrics, queues, counters, signal));
  try {
    for (const worker of [workers.dumps, workers.shards]) {
      await worker.waitUntilReady();
      await worker.startStalledCheckTimer();
    }
    log(`${name}: waits for jobs`);
    while (!signal.aborted) {
      // If Redis is unreachable, nothing can be taken either.
      void queues.clock.sync().catch(() => undefined);
      cleaner?.look();
      const { busy } = hands;
      const taken = busy < settings.concurrency && (await hands.take().catch(() => false));
      if (!taken) await bell.wait(busy < settings.concurrency ? idle() : IDLE / 10);
    }
    log(`${name}: stops; ${hands.size} jobs in hand`);
    const over = new AbortController();
    await Promise.race([hands.over(), setTimeout(settings.grace, undefined, { signal: over.signal })]);
    over.abort();
    hands.handBackAll();
    await hands.over();
  } finally {
    server?.close();
    bell.close();
    await cleaner?.over();
    await Promise.allSettled([workers.dumps.close(), workers.shards.close()]);
    await queues.close();
    await threads.destroy();
    await (await opened)?.close();
  }
}
