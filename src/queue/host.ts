import type { Worker } from "bullmq";
import type { DumpErrorCode } from "../errors.js";
import type { Allowed } from "../shard/allowed.js";
import type { OutputAccess } from "../shard/output-access.js";
import type { ShardPlan } from "../shard/shard-plan.js";
import type { StoreThread } from "../store/open-store.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Bell } from "./bell.js";
import type { Counters } from "./metrics.js";
import type { Queues } from "./queues.js";

/** What the jobs of one worker process share. */
export interface Host {
  readonly name: string;
  readonly queues: Queues;
  readonly allowed: Allowed;
  /** Permissions of the outputs that it finishes. */
  readonly access: OutputAccess;
  readonly threads: WorkerThreads;
  /** The store, opened by the first user and closed with the worker. */
  readonly store: () => Promise<StoreThread>;
  /** The store, if it is open. */
  readonly openedStore: () => Promise<StoreThread> | undefined;
  /** A folder of this host. */
  readonly spoolDir: string;
  readonly counters: Counters;
  /** Rung where there may be a job to take. */
  readonly bell: Bell;
  readonly workers: { readonly dumps: Worker; readonly shards: Worker };
  /** The last plan that was read, by its digest: shards of one dump mostly follow each other. */
  readonly plans: Map<string, Promise<ShardPlan>>;
  log(line: string): void;
}

/** A job that this worker has, as seen by its own code. */
export interface Hand {
  readonly signal: AbortSignal;
  /** Sets the function whose result is sent as the job's progress from time to time. */
  report(state: () => object | undefined): void;
  /**
   * Whether the job still belongs to this worker. A worker that was stopped for too long counts as dead, and others
   * take its jobs.
   */
  holds(): Promise<boolean>;
  /** The job needs no processor any more, so the worker may take another job. */
  release(): void;
}

/** A job was taken away from this worker. That is no failed attempt. */
export class HandedBack extends Error {
  override readonly name = "HandedBack";
  /** Milliseconds until it may be taken again. */
  readonly delay: number;
  /** Why this worker cannot do it although another may. */
  readonly why: string | undefined;

  constructor(delay: number, why?: string) {
    super("handed back");
    this.delay = delay;
    this.why = why;
  }
}

/** Another worker has the job now, and decides about it. */
export class TakenOver extends Error {
  override readonly name = "TakenOver";

  constructor() {
    super("another worker has it by now");
  }
}

/** A job's progress while no worker has it, if the last worker could not do it. */
export interface Refused {
  readonly refused: string;
}

/** A job's progress after a try that failed with a DumpError: its code. */
export interface Failed {
  readonly failed: DumpErrorCode;
}

/** The run was cancelled, or a shard cannot be made because another one has failed. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** The run was cancelled, and its files are removed. */
export class RunEnded extends Error {
  override readonly name = "RunEnded";

  constructor() {
    super("cancelled; nothing was left behind");
  }
}
