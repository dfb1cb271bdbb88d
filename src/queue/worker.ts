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

/** How a worker works. */
export interface WorkerSettings {
  readonly redis: string;
  /** Folders that it may read and write, and `s3://bucket/prefix/`. */
  readonly allow: AllowedBy;
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
  /** Days for which Redis remembers runs: `coresieve jobs` lists them, and who submits the same dump is told. */
  readonly keep: { readonly done: number; readonly failed: number };
  /** Hours between two looks for what runs left in the places that it may write; `undefined`: none. */
  readonly cleanEvery: number | undefined;
  readonly access: OutputAccess;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly telemetry: Telemetry | undefined;
  /** Ends the worker. */
  readonly signal: AbortSignal;
  log(line: string): void;
}

/** Milliseconds between two looks for jobs where there are none, and the bell is not rung. */
const IDLE = 500;
/** How often a job may lose its worker: one that kills workers must not go on for ever. */
const MAX_STALLED = 5;

/**
 * Takes jobs from the queue until `signal` comes. Jobs are fetched one by one, when there is a processor for them, and not ahead: another
 * host may have one sooner. Throws `BAD_OPTION`, and `NOT_READABLE` where Redis does not answer at the start; later it waits for it.
 */
export async function runWorker(settings: WorkerSettings): Promise<void> {
  const { takeover, signal, log } = settings;
  const allowed = allowedBy(settings.allow);
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
  const make = (queue: string, run: (job: Job, token?: string) => Promise<unknown>): Worker => {
    const options: WorkerOptions = {
      connection: queues.redis,
      ...{ prefix: PREFIX, name, autorun: false, skipLockRenewal: true },
      ...{ lockDuration: takeover, stalledInterval: takeover / 2, maxStalledCount: MAX_STALLED, runRetryDelay: IDLE },
      removeOnComplete: { age: (settings.keep.done * DAY) / 1000 },
      removeOnFail: { age: (settings.keep.failed * DAY) / 1000 },
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
    dumps: make(DUMPS, (job, token) => hands.work(job, token as string, true)),
    shards: make(SHARDS, (job, token) => hands.work(job, token as string, false)),
  };
  const bell = new Bell();
  void bell.listen(queues);
  const host: Host = {
    ...{ name, queues, allowed, access: settings.access, threads, store, counters, workers, bell, log },
    spoolDir: settings.spoolDir,
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
      // Redis may be away: then nothing is fetched, either.
      void queues.clock.sync().catch(() => undefined);
      cleaner?.look();
      const { busy } = hands;
      const taken = busy < settings.concurrency && (await hands.take().catch(() => false));
      if (!taken) await bell.wait(busy < settings.concurrency ? IDLE : IDLE / 10);
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
