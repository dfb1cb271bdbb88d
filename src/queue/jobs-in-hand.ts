import { randomUUID } from "node:crypto";
import type { Job, Worker } from "bullmq";
import { DumpError } from "../errors.js";
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
/** The same for a job that this worker cannot do, and another may: one of another version. */
const REFUSED_AGAIN = 5000;
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

/** The jobs that a worker has, and what becomes of each. */
export class JobsInHand {
  readonly #host: Host;
  /** Milliseconds without a sign of life after which another worker takes a job over. */
  readonly #takeover: number;
  /** Encoded shards that may wait for the shards before them. */
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

  /** Jobs that have a processor. */
  get busy(): number {
    return [...this.#inHand].filter(({ waits }) => waits === undefined).length;
  }

  /** All that are in hand now are over. */
  async over(): Promise<void> {
    await Promise.all([...this.#inHand].map(({ done }) => done));
  }

  /** Gives all back to the queue. */
  handBackAll(): void {
    for (const { stop } of this.#inHand) stop.abort(new HandedBack(0));
  }

  /** Takes a job, if there is one. By turns: a dump that waits to be finished and shards of another both get on. */
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
        // The dump of the last shard goes on, and whoever waits for a dump's end looks.
        if (worker === this.#host.workers.dumps) void ringAll(this.#host.queues);
        this.#host.bell.ring();
      });
    Object.assign(hand, { done });
  }

  /** What BullMQ calls for a job. What it throws tells BullMQ what becomes of the job. */
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

  /** What BullMQ is told of a job that is not done. */
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
      // To BullMQ that is: nothing more is to be done with it here.
      return new DelayedError();
    }
    const failure = isDump ? await this.#unlessCancelled(hand, reason ?? error) : (reason ?? error);
    if (failure instanceof RunEnded) return new UnrecoverableError(failure.message);
    if (failure instanceof UnrecoverableError) return failure;
    counters.failed++;
    const { text, lasting, code } = describeFailure(host, jobName(job, isDump), failure);
    host.log(`${job.id}: ${text}`);
    // The code for the finishing job, since nobody reads it out of the text. Without it what is done is kept.
    endWatch();
    if (code !== undefined) await job.updateProgress({ failed: code } satisfies Failed).catch(() => undefined);
    return lasting ? new UnrecoverableError(text) : new Error(text);
  }

  /** What a run failed with; one that fails just when it is cancelled is a cancelled one, too. What cannot be removed now is tried again. */
  async #unlessCancelled(hand: InHand, failure: unknown): Promise<unknown> {
    const { job } = hand;
    hand.knowsCancel =
      failure instanceof RunEnded || failure instanceof Cancelled || (await isCancelled(this.#host, job.id as string));
    if (failure instanceof RunEnded || !hand.knowsCancel) return failure;
    return cancelDump(this.#host, job).catch((left: unknown) => left);
  }

  async #handBack({ job, token }: InHand, { delay, why }: HandedBack): Promise<void> {
    // What cannot be done here comes back every few seconds.
    if (why === undefined || !this.#refused.has(why)) {
      this.#host.log(`${job.id}: handed back${why === undefined ? "" : `: ${why}`}`);
    }
    if (why !== undefined) {
      this.#refused.add(why);
      await job.updateProgress({ refused: why } satisfies Refused);
    }
    // BullMQ takes the difference to this host's clock for the delay, and is given Redis's time for now.
    await job.moveToDelayed(Date.now() + delay, token);
  }

  /** Who cancels a run looks at its state when the wish is there; this looks for the wish when it has failed. So one of them sees both. */
  async #endIfCancelled({ job, knowsCancel }: InHand): Promise<void> {
    const { queues } = this.#host;
    const id = job.id as string;
    if (knowsCancel || !(await isCancelled(this.#host, id))) return;
    if ((await queues.dumps.getJobState(id)) === "failed") await runAgain(queues, job);
  }

  /** Too many shards wait here: the last one goes back, for one before it may need this worker. */
  #makeRoom(): void {
    const waiting = [...this.#inHand].filter(({ waits }) => waits !== undefined);
    if (waiting.length <= this.#waiting) return;
    const last = waiting.reduce((a, b) => ((b.waits as number) > (a.waits as number) ? b : a));
    last.stop.abort(new HandedBack(AGAIN));
  }
}

/** Why a job is left to another worker that may be able to do it, which is no failed try: this one is of another version, or has another library. */
function refusal(job: Job, isDump: boolean, error: unknown): HandedBack | undefined {
  if (!(error instanceof DumpError) || error.code !== "UNSUPPORTED") return undefined;
  // What cannot be planned here is an odd dump: it was read by nobody yet.
  const isPlanned = !isDump || (job.data as Partial<DumpJob>).planned !== undefined;
  return error instanceof OtherFormat || isPlanned ? new HandedBack(REFUSED_AGAIN, error.message) : undefined;
}
