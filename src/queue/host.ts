import type { Worker } from "bullmq";
import type { DumpErrorCode } from "../errors.js";
import type { Allowed } from "../shard/allowed.js";
import type { OutputAccess } from "../shard/output-access.js";
import type { ShardPlan } from "../shard/shard-plan.js";
import type { StoreThread } from "../store/open-store.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Counters } from "./metrics.js";
import type { Queues } from "./queues.js";

/** What the jobs of one worker process share. */
export interface Host {
  readonly name: string;
  readonly queues: Queues;
  readonly allowed: Allowed;
  /** Of the outputs that it finishes. */
  readonly access: OutputAccess;
  readonly threads: WorkerThreads;
  /** The store, opened by who asks first and closed with the worker. */
  readonly store: () => Promise<StoreThread>;
  /** A folder of this host. */
  readonly spoolDir: string;
  readonly counters: Counters;
  readonly workers: { readonly dumps: Worker; readonly shards: Worker };
  /** The last plan that was read, by its digest: shards of one dump mostly follow each other. */
  readonly plans: Map<string, Promise<ShardPlan>>;
  log(line: string): void;
}

/** What a job in hand can do, and what can be done with it. */
export interface Hand {
  readonly signal: AbortSignal;
  /** What is told of the job's progress now and then. */
  report(state: () => object | undefined): void;
  /** Whether the job is still this worker's. A worker that stood still for too long is taken for dead, and another one has its jobs. */
  holds(): Promise<boolean>;
  /** From now on the job needs no processor: another may be taken. */
  release(): void;
}

/** A job was taken away from this worker: nobody else's fault, and no failed attempt. */
export class HandedBack extends Error {
  override readonly name = "HandedBack";
  /** Milliseconds until it may be taken again. */
  readonly delay: number;
  /** Why this worker cannot do it, where another may. */
  readonly why: string | undefined;

  constructor(delay: number, why?: string) {
    super("handed back");
    this.delay = delay;
    this.why = why;
  }
}

/** Another worker has the job by now: what becomes of it is that one's to say. */
export class TakenOver extends Error {
  override readonly name = "TakenOver";

  constructor() {
    super("another worker has it by now");
  }
}

/** What a job's progress says while no worker has it, and who had it could not do it. */
export interface Refused {
  readonly refused: string;
}

/** What a job's progress says when a try of it has failed with an error of ours: its code. */
export interface Failed {
  readonly failed: DumpErrorCode;
}

/** The run was cancelled by somebody, or a shard cannot be made because another one has failed. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** The run was cancelled, and what there was of it is removed. */
export class RunEnded extends Error {
  override readonly name = "RunEnded";

  constructor() {
    super("cancelled; nothing was left behind");
  }
}
