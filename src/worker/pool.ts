import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { giveBackMemory, HASH_KEY_TAIL } from "../codec/wasm/encode/load.js";
import { DumpError, reviveDumpError, throwIfAborted } from "../errors.js";
import { strictTablesSize, writeStrictTables } from "../filter/privacy/strict/strict-tables.js";
import { attachMemory } from "../reader/attach.js";
import { type EncodeState, encodePages, encodeState } from "./encode.js";
import { type ReadAhead, readAhead } from "./read-ahead.js";
import { type ScanState, scanPages, scanState } from "./scan.js";
import { borrowSlotMemory, type SlotLayout, SlotLender, slotLayout } from "./slots.js";
import type {
  Answer,
  CheckResult,
  CheckTask,
  CompareResult,
  CompareTask,
  EncodeResult,
  EncodeTask,
  ExtendResult,
  ExtendTask,
  Request,
  ScanResult,
  ScanTask,
  SearchResult,
  SearchTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";
import { TASKS_PER_THREAD, type TaskName, type WorkerThreads } from "./threads.js";

/** What a run needs for its tasks; the pool adds the shared memory. */
export type RunContext = Omit<WorkerContext, "id" | "memory" | "layout" | "ended">;

/** What a pool needs of its threads. */
export type PoolThreads = Pick<WorkerThreads, "count" | "early" | "ready" | "run">;

let contexts = 0;

/**
 * Tasks in addition to those of the threads, for the main thread: with a spare core it encodes too. While a thread does
 * its tasks the main thread may do as many, which then wait to be written after them.
 */
const MAIN_TASKS = TASKS_PER_THREAD + 2;

/**
 * The early threads and the main thread keep all cores busy. Starting more threads is worthwhile only in runs of some
 * seconds, in which the main thread may wait for the disk: with this many tasks, 1 GiB of pages.
 */
const LONG_RUN = 512;

/** The threads that work on one dump, and the memory that they share with the main thread. */
export class WorkerPool {
  readonly layout: SlotLayout;
  /** The shared memory. Results are in it until their slot is given back. */
  readonly bytes: Uint8Array;
  readonly slots: SlotLender;
  /** Announces to stores which bytes the tasks will read. */
  readonly readAhead: ReadAhead;
  readonly #threads: PoolThreads;
  readonly #context: WorkerContext;
  readonly #signal: AbortSignal | undefined;
  /** Ends the threads that an extension does not give back. */
  readonly #ending = new AbortController();
  /** Tasks that threads have. */
  readonly #sent = new Set<Promise<unknown>>();
  /** The most tasks that threads have at once; further ones are the main thread's. */
  #threadTasks: number;
  #encodeState: Promise<EncodeState> | undefined;
  #scanState: ScanState | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** Tasks given to threads so far. */
  #asked = 0;
  /** A task ended without an answer: its thread, or another one, may still be at work. */
  #unanswered = false;

  constructor(threads: PoolThreads, run: RunContext, signal?: AbortSignal) {
    this.#threadTasks = threads.count * TASKS_PER_THREAD;
    const { strict } = run;
    this.layout = slotLayout(this.inFlight, run.pageSize, strict && strictTablesSize(strict));
    const memory = borrowSlotMemory(this.layout);
    this.bytes = new Uint8Array(memory.buffer);
    if (strict !== undefined) writeStrictTables(strict, this.bytes.subarray(this.layout.tables));
    this.slots = new SlotLender(this.inFlight);
    this.readAhead = readAhead(run);
    this.#threads = threads;
    this.#signal = signal;
    this.#context = {
      ...run,
      id: ++contexts,
      memory,
      layout: this.layout,
      ended: new Int32Array(new SharedArrayBuffer(4)),
    };
  }

  /** The most tasks that are useful at the same time. */
  get inFlight(): number {
    return this.#threadTasks + MAIN_TASKS;
  }

  /** Announces how many tasks will come. For a few, no more threads are started. */
  expect(tasks: number): void {
    this.#threadTasks = (tasks < LONG_RUN ? this.#threads.early : this.#threads.count) * TASKS_PER_THREAD;
  }

  /**
   * Classifies a range: in a thread, or in the main thread if that would only wait. That is the case while no thread
   * has started and each starting one has a task; and, with a spare core, when all threads have enough to do.
   */
  async scan(task: ScanTask): Promise<ScanResult> {
    const { kernel, image, pageSize, kept } = this.#context;
    if (kernel !== undefined && this.#wouldWait() && (await this.#stillWaits())) {
      this.#scanState ??= scanState(attachMemory(image), pageSize, kept, kernel);
      return scanPages(this.#scanState, task);
    }
    return this.#run("scan", task);
  }

  /**
   * Checks again after the results that arrived have been processed and written. The main thread does one task per turn
   * of the event loop, so that signals are handled.
   */
  async #stillWaits(): Promise<boolean> {
    this.#turn = this.#turn.then(() => setImmediate());
    await this.#turn;
    throwIfAborted(this.#signal);
    this.#throwIfEnded();
    return this.#wouldWait();
  }

  #throwIfEnded(): void {
    if (this.#ended) throw new DumpError("ABORTED", "the run has ended");
  }

  /** Whether the main thread would only wait if it did no task itself. */
  #wouldWait(): boolean {
    if (this.#threads.ready === 0) return this.#sent.size >= this.#threads.early;
    return this.#spareCore() && this.#sent.size >= this.#threadTasks;
  }

  /** Whether the main thread can work without taking a core from the threads. */
  #spareCore(): boolean {
    return this.#threads.ready < availableParallelism();
  }

  check(task: CheckTask): Promise<CheckResult> {
    return this.#run("check", task);
  }

  /**
   * Runs only in the workers, never in the main thread. If the extension never returns, its thread is ended with the
   * run.
   */
  extend(task: ExtendTask): Promise<ExtendResult> {
    const ending = this.#ending.signal;
    return this.#run("extend", task, this.#signal === undefined ? ending : AbortSignal.any([this.#signal, ending]));
  }

  search(task: SearchTask): Promise<SearchResult> {
    return this.#run("search", task);
  }

  compare(task: CompareTask): Promise<CompareResult> {
    return this.#run("compare", task);
  }

  zeros(task: ZeroTask): Promise<ZeroResult> {
    return this.#run("zeros", task);
  }

  /**
   * Chooses the key of the pages' hashes, before anything is encoded. It is random in every run, so that no dump can be
   * made to fit it.
   */
  chooseHashKey(): void {
    const { randomBytes } = process.getBuiltinModule("node:crypto");
    this.bytes.set(randomBytes(this.layout.pageSize + HASH_KEY_TAIL), this.layout.hashKey);
  }

  /** Encodes a range: in a thread, or in the main thread, as in `scan`. */
  async encode(task: EncodeTask): Promise<EncodeResult> {
    if (!this.#wouldWait() || !(await this.#stillWaits())) return this.#run("encode", task);
    this.#encodeState ??= encodeState(this.#context);
    const state = await this.#encodeState;
    // The memory may be another run's by now.
    this.#throwIfEnded();
    return encodePages(state, task);
  }

  /**
   * Waits until no thread works for this run any more, unless one has died. After a failure there may still be tasks;
   * threads skip those that they have not begun. Only then may the dump be closed, because its file's number may then belong to another
   * file.
   */
  async end(): Promise<void> {
    const endedBefore = this.#ended;
    Atomics.store(this.#context.ended, 0, 1);
    Atomics.notify(this.#context.ended, 0);
    this.#ending.abort();
    await Promise.allSettled(this.#sent);
    if (endedBefore) return;
    this.#scanState?.classifier.end();
    // When one thread has died, all tasks fail at once, and the others write to their slots for a while.
    if (this.#unanswered) return;
    const { memory } = this.#context;
    // After a failure a write may still be running, which reads there. A service whose runs are stopped would grow by
    // the memory of each of them until V8 collects garbage: see borrowMemory.
    this.slots.whenUnread(() => giveBackMemory(memory));
  }

  get #ended(): boolean {
    return Atomics.load(this.#context.ended, 0) !== 0;
  }

  #run<T, R>(name: TaskName, task: T, signal?: AbortSignal): Promise<R> {
    const result = this.#ask<T, R>(name, task, signal);
    this.#sent.add(result);
    const remove = () => this.#sent.delete(result);
    result.then(remove, remove);
    return result;
  }

  async #answerTo<T, R>(name: TaskName, request: Request<T>, signal: AbortSignal | undefined): Promise<Answer<R>> {
    try {
      return await this.#threads.run<T, R>(name, request, signal);
    } catch (error) {
      this.#unanswered = true;
      throw error;
    }
  }

  async #ask<T, R>(name: TaskName, task: T, signal?: AbortSignal): Promise<R> {
    throwIfAborted(this.#signal);
    const contextId = this.#context.id;
    // The first task of each early thread brings the context: the main thread may be at work until it is done.
    const context = this.#asked++ < this.#threads.early ? this.#context : undefined;
    let answer = await this.#answerTo<T, R>(name, { contextId, context, task }, signal);
    if ("needsContext" in answer) {
      // The second time it may come to another thread, which has the context or takes it from here.
      answer = await this.#answerTo<T, R>(name, { contextId, context: this.#context, task }, signal);
    }
    throwIfAborted(this.#signal);
    if ("failure" in answer) throw reviveDumpError(answer.failure);
    if ("needsContext" in answer) throw new Error("a worker did not take the context it was sent");
    return answer.result;
  }
}

/**
 * Runs tasks with at most `inFlight` of them at once, and yields their results in the order of the tasks. The stages of
 * a stream-chain run one call at a time, so parallel tasks must be started before the chain, in its source.
 */
export async function* inOrder<T, R>(
  tasks: Iterable<T>,
  run: (task: T) => Promise<R>,
  inFlight: number,
): AsyncGenerator<R, void, undefined> {
  const pending: Promise<R>[] = [];
  for (const task of tasks) {
    if (pending.length >= inFlight) yield await (pending.shift() as Promise<R>);
    const result = run(task);
    // If an earlier task fails, nobody awaits the later ones.
    result.catch(() => undefined);
    pending.push(result);
  }
  for (const result of pending) yield await result;
}
