import { randomUUID } from "node:crypto";
import type { Job, Worker } from "bullmq";
import { DumpError } from "../errors.js";
import { collectGarbage } from "../store/collect-garbage.js";
import { partMemory } from "../store/part-memory.js";
import { newlyShared } from "../store/shared-bytes.js";
import { ringAll } from "./bell.js";
import { holdLock } from "./hold-lock.js";
import { Cancelled, type Failed, HandedBack, type Host, type Refused, RunEnded, TakenOver } from "./host.js";
import { type DumpJob, OtherFormat, shardJob } from "./job-data.js";
import { runAgain } from "./jobs.js";
import { dumpOf, jobName, lookAround } from "./look-around.js";
import { cancelDump, isCancelled, runDump } from "./run-dump.js";
import { describeFailure, runShard } from "./run-shard.js";

/** Milliseconds after which a shard that was handed back may be taken again. */
const AGAIN = 2000;
/** The same for a job that this worker cannot do although another may: a job of another version. */
const REFUSED_AGAIN = 5000;
/** A job that this worker has. */
interface InHand {
  readonly job: Job;
  readonly token: string;
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
  /** The index of an encoded shard in its dump, while it waits for those before it. */
  waits: number | undefined;
  /** Whether its result was decided by code that knew of the cancellation. */
  knowsCancel: boolean;
}

/** The jobs that a worker has, and what happens to each. */
export class JobsInHand {
  readonly #host: Host;
  /** Milliseconds without a sign of life after which another worker takes a job over. */
  readonly #takeover: number;
  /** The most encoded shards that may wait for the shards before them. */
  readonly #waiting: number;
  readonly #inHand = new Set<InHand>();
  readonly #byToken = new Map<string, InHand>();
  readonly #refused = new Set<string>();
  #turn = 0;

  constructor(host: Host, { takeover, waiting }: { readonly takeover: number; readonly waiting: number }) {
    this.#host = host;
    this.#takeover = takeover;
    this.#waiting = waiting;
  }

  get size(): number {
    return this.#inHand.size;
  }

  /** Number of jobs that have a processor. */
  get busy(): number {
    return [...this.#inHand].filter(({ waits }) => waits === undefined).length;
  }

  /** Waits until all present jobs are finished. */
  async over(): Promise<void> {
    await Promise.all([...this.#inHand].map(({ done }) => done));
  }

  /** Hands all jobs back to the queue. */
  handBackAll(): void {
    for (const { stop } of this.#inHand) stop.abort(new HandedBack(0));
  }

  /**
   * Takes a job, if there is one. Alternates between the queues, so that a dump that waits to be finished and the
   * shards of another both make progress.
   */
  async take(): Promise<boolean> {
    const { dumps, shards } = this.#host.workers;
    for (const worker of this.#turn++ % 2 === 0 ? [dumps, shards] : [shards, dumps]) {
      const token = randomUUID();
      const job = (await worker.getNextJob(token, { block: false })) as Job | undefined;
      if (job === undefined) continue;
      this.#begin(worker, job, token);
      return true;
    }
    return false;
  }

  #begin(worker: Worker, job: Job, token: string): void {
    const stop = new AbortController();
    const hand: InHand = { job, token, stop, waits: undefined, done: Promise.resolve(), knowsCancel: false };
    this.#byToken.set(token, hand);
    this.#inHand.add(hand);
    const done = worker
      .processJob(job, token, () => false)
      .then(() => (worker === this.#host.workers.dumps ? this.#endIfCancelled(hand) : undefined))
      .catch((error: unknown) => this.#host.log(`${job.id}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        this.#inHand.delete(hand);
        this.#byToken.delete(token);
        // When the promises of this job are gone, too, and what they hold.
        setImmediate(() => this.#tidy());
        // The dump of the last shard can continue, and those who wait for the end of a dump check it.
        if (worker === this.#host.workers.dumps) void ringAll(this.#host.queues);
        this.#host.bell.ring();
      });
    Object.assign(hand, { done });
  }

  /** Frees what the last jobs needed, where that is much. */
  #tidy(): void {
    if (this.#inHand.size === 0) partMemory.dropSpare();
    const bytes = newlyShared();
    collectGarbage(bytes);
    // The thread that sent parts still has their memory.
    void this.#host
      .openedStore()
      ?.then((store) => store.collectGarbage(bytes))
      .catch(() => undefined);
  }

  /** Called by BullMQ for a job. What it throws decides about the job in BullMQ. */
  async work(job: Job, token: string, isDump: boolean): Promise<unknown> {
    const { queues, counters } = this.#host;
    const hand = this.#byToken.get(token) as InHand;
    const { stop } = hand;
    let state: (() => object | undefined) | undefined;
    const holds = () => holdLock(queues.redis, isDump ? queues.dumps : queues.shards, job, token, this.#takeover);
    const dump = isDump ? (job.id as string) : dumpOf(job);
    const by = { holds, dump, stop, takeover: this.#takeover, state: () => state?.() };
    const watch = lookAround(this.#host, job, by);
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
        release: () => {
          release();
          hand.waits = shardJob(job.data).index;
          counters.waiting++;
          this.#makeRoom();
        },
      };
      const result = isDump ? await runDump(this.#host, job, token, tools) : await runShard(this.#host, job, tools);
      if (result === undefined) throw new queues.bullmq.WaitingChildrenError();
      counters.done++;
      return result;
    } catch (error) {
      throw await this.#outcome(hand, isDump, error, () => watch.end());
    } finally {
      watch.end();
      release();
      if (hand.waits !== undefined) counters.waiting--;
      hand.waits = undefined;
    }
  }

  /** The error for BullMQ if a job is not done. */
  async #outcome(hand: InHand, isDump: boolean, error: unknown, endWatch: () => void): Promise<unknown> {
    const host = this.#host;
    const { counters } = host;
    const { WaitingChildrenError, DelayedError, UnrecoverableError } = host.queues.bullmq;
    const { job, stop } = hand;
    if (error instanceof WaitingChildrenError) return error;
    const reason: unknown = stop.signal.aborted ? stop.signal.reason : refusal(job, isDump, error);
    if (reason instanceof HandedBack) {
      counters.handedBack++;
      await this.#handBack(hand, reason);
      return new DelayedError();
    }
    if (error instanceof TakenOver) {
      host.log(`${job.id}: ${error.message}`);
      // For BullMQ this means that the job must not be touched any more here.
      return new DelayedError();
    }
    const failure = isDump ? await this.#unlessCancelled(hand, reason ?? error) : (reason ?? error);
    if (failure instanceof RunEnded) return new UnrecoverableError(failure.message);
    if (failure instanceof UnrecoverableError) return failure;
    counters.failed++;
    const { text, lasting, code } = describeFailure(host, jobName(job, isDump), failure);
    host.log(`${job.id}: ${text}`);
    // The code for the finishing job, because code never parses the text. Without it, finished shards are kept.
    endWatch();
    if (code !== undefined) await job.updateProgress({ failed: code } satisfies Failed).catch(() => undefined);
    return lasting ? new UnrecoverableError(text) : new Error(text);
  }

  /**
   * The error of a failed run. A run that fails while it is cancelled counts as cancelled. Files that cannot be removed
   * now are removed in the next try.
   */
  async #unlessCancelled(hand: InHand, failure: unknown): Promise<unknown> {
    const { job } = hand;
    hand.knowsCancel =
      failure instanceof RunEnded || failure instanceof Cancelled || (await isCancelled(this.#host, job.id as string));
    if (failure instanceof RunEnded || !hand.knowsCancel) return failure;
    return cancelDump(this.#host, job).catch((left: unknown) => left);
  }

  async #handBack({ job, token }: InHand, { delay, why }: HandedBack): Promise<void> {
    // A job that cannot be done here comes back every few seconds, so it is logged once.
    if (why === undefined || !this.#refused.has(why)) {
      this.#host.log(`${job.id}: handed back${why === undefined ? "" : `: ${why}`}`);
    }
    if (why !== undefined) {
      this.#refused.add(why);
      await job.updateProgress({ refused: why } satisfies Refused);
    }
    // BullMQ computes the delay as a difference to this host's clock, but uses Redis's time as the present.
    await job.moveToDelayed(Date.now() + delay, token);
  }

  /**
   * The one who cancels a run stores that first and then checks the run's state; this checks for a cancellation after
   * the run has failed. So at least one of them sees both.
   */
  async #endIfCancelled({ job, knowsCancel }: InHand): Promise<void> {
    const { queues } = this.#host;
    const id = job.id as string;
    if (knowsCancel || !(await isCancelled(this.#host, id))) return;
    if ((await queues.dumps.getJobState(id)) === "failed") await runAgain(queues, job);
  }

  /** If too many shards wait here, the last one is handed back, because a shard before it may need this worker. */
  #makeRoom(): void {
    const waiting = [...this.#inHand].filter(({ waits }) => waits !== undefined);
    if (waiting.length <= this.#waiting) return;
    const last = waiting.reduce((a, b) => ((b.waits as number) > (a.waits as number) ? b : a));
    last.stop.abort(new HandedBack(AGAIN));
  }
}

/**
 * Why a job is left to another worker, without a failed try: this worker is of another version, or has another library.
 */
function refusal(job: Job, isDump: boolean, error: unknown): HandedBack | undefined {
  if (!(error instanceof DumpError) || error.code !== "UNSUPPORTED") return undefined;
  // A dump that cannot be planned here is unusual: no worker has read it yet.
  const isPlanned = !isDump || (job.data as Partial<DumpJob>).planned !== undefined;
  return error instanceof OtherFormat || isPlanned ? new HandedBack(REFUSED_AGAIN, error.message) : undefined;
}
