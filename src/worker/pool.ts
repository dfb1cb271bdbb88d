import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { giveBackMemory, HASH_KEY_TAIL } from "../codec/wasm/encode/load.js";
import { DumpError, NOTHING_LEFT, reviveDumpError } from "../errors.js";
import { strictTablesSize, writeStrictTables } from "../filter/privacy/strict/strict-filter.js";
import { attachMemory } from "../reader/attach.js";
import { type EncodeState, encodePages, encodeState } from "./encode.js";
import { type ReadAhead, readAhead } from "./read-ahead.js";
import { type ScanState, scanPages, scanState } from "./scan.js";
import { borrowSlotMemory, type SlotLayout, SlotLender, slotLayout } from "./slots.js";
import type {
  CheckResult,
  CheckTask,
  CompareResult,
  CompareTask,
  EncodeResult,
  EncodeTask,
  ExtendResult,
  ExtendTask,
  ScanResult,
  ScanTask,
  SearchResult,
  SearchTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";
import { TASKS_PER_THREAD, type TaskName, type WorkerThreads } from "./threads.js";

/** What a run gives its tasks; the pool adds the shared memory. */
export type RunContext = Omit<WorkerContext, "id" | "memory" | "layout" | "ended">;

let contexts = 0;

/**
 * Tasks beyond those of the threads, for the main thread: with a core to spare it encodes too. While a thread goes
 * through its tasks the main thread may do as many, which wait to be written behind them.
 */
const MAIN_TASKS = TASKS_PER_THREAD + 2;

/**
 * The early threads and the main thread keep all cores busy. More threads are worth their start only in runs of some
 * seconds, in which the main thread may wait for the disk: of so many tasks, 1 GiB of pages.
 */
const LONG_RUN = 512;

/** The threads at work on one dump, and the memory they share with the main thread. */
export class WorkerPool {
  readonly layout: SlotLayout;
  /** The shared memory: results lie in it until their slot is given back. */
  readonly bytes: Uint8Array;
  readonly slots: SlotLender;
  /** What tells stores which bytes the tasks will read. */
  readonly readAhead: ReadAhead;
  readonly #threads: WorkerThreads;
  readonly #context: WorkerContext;
  readonly #signal: AbortSignal | undefined;
  /** Tasks that threads have. */
  readonly #sent = new Set<Promise<unknown>>();
  /** Most tasks that the threads have at once; what is beyond is the main thread's. */
  #threadTasks: number;
  #encodeState: Promise<EncodeState> | undefined;
  #scanState: ScanState | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(threads: WorkerThreads, run: RunContext, signal?: AbortSignal) {
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

  /** Most tasks that make sense at once. */
  get inFlight(): number {
    return this.#threadTasks + MAIN_TASKS;
  }

  /** How many tasks are to come. For a few the threads that are there already do. */
  expect(tasks: number): void {
    this.#threadTasks = (tasks < LONG_RUN ? this.#threads.early : this.#threads.count) * TASKS_PER_THREAD;
  }

  /**
   * Classifies a range: in a thread, or in the main thread where it would only wait: as long as no thread has started,
   * when each that is starting has one task, and with a core to spare when all threads have enough to do.
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
   * Asks again when what has come from the threads has been taken in and written. One task per turn of the event loop:
   * a signal must come through, too.
   */
  async #stillWaits(): Promise<boolean> {
    this.#turn = this.#turn.then(() => setImmediate());
    await this.#turn;
    throwIfAborted(this.#signal);
    if (this.#ended) throw new DumpError("ABORTED", "the run has ended");
    return this.#wouldWait();
  }

  /** Whether the main thread has nothing better to do than a task of its own. */
  #wouldWait(): boolean {
    if (this.#threads.ready === 0) return this.#sent.size >= this.#threads.early;
    return this.#spareCore() && this.#sent.size >= this.#threadTasks;
  }

  /** Whether the main thread takes no core from the others by working too. */
  #spareCore(): boolean {
    return this.#threads.ready < availableParallelism();
  }

  check(task: CheckTask): Promise<CheckResult> {
    return this.#run("check", task);
  }

  /** Not in the main thread: an extension runs in the workers only. */
  extend(task: ExtendTask): Promise<ExtendResult> {
    return this.#run("extend", task);
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

  /** Draws the key of the pages' hashes, before anything is encoded. It is another in every run: no dump can be made to fit it. */
  chooseHashKey(): void {
    const { randomBytes } = process.getBuiltinModule("node:crypto");
    this.bytes.set(randomBytes(this.layout.pageSize + HASH_KEY_TAIL), this.layout.hashKey);
  }

  /** Encodes a range: in a thread, or in the main thread as above. */
  async encode(task: EncodeTask): Promise<EncodeResult> {
    if (!this.#wouldWait() || !(await this.#stillWaits())) return this.#run("encode", task);
    this.#encodeState ??= encodeState(this.#context);
    return encodePages(await this.#encodeState, task);
  }

  /**
   * Waits until no thread works for this run any more. After a failure there may still be tasks: threads pass over those
   * that they have not begun. Only then may the dump be closed, for its file's number can come to mean another file.
   */
  async end(): Promise<void> {
    const again = this.#ended;
    Atomics.store(this.#context.ended, 0, 1);
    await Promise.allSettled(this.#sent);
    if (again) return;
    this.#scanState?.classifier.end();
    // After a failure something may still be read there, by a write that is under way.
    if (this.slots.allBack) giveBackMemory(this.#context.memory);
  }

  get #ended(): boolean {
    return Atomics.load(this.#context.ended, 0) !== 0;
  }

  #run<T, R>(name: TaskName, task: T): Promise<R> {
    const result = this.#ask<T, R>(name, task);
    this.#sent.add(result);
    const remove = () => this.#sent.delete(result);
    result.then(remove, remove);
    return result;
  }

  async #ask<T, R>(name: TaskName, task: T): Promise<R> {
    throwIfAborted(this.#signal);
    const contextId = this.#context.id;
    let answer = await this.#threads.run<T, R>(name, { contextId, context: undefined, task });
    if ("needsContext" in answer) {
      // The second time it may come to another thread, which has the context or takes it from here.
      answer = await this.#threads.run<T, R>(name, { contextId, context: this.#context, task });
    }
    throwIfAborted(this.#signal);
    if ("failure" in answer) throw reviveDumpError(answer.failure);
    if ("needsContext" in answer) throw new Error("a worker did not take the context it was sent");
    return answer.result;
  }
}

/**
 * Runs tasks with at most `inFlight` of them at once and yields their results in the order of the tasks. The stages of
 * a stream-chain run one call at a time, so the pool must be fed ahead of it, by its source.
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
    // When an earlier task fails nobody awaits the later ones any more.
    result.catch(() => undefined);
    pending.push(result);
  }
  for (const result of pending) yield await result;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DumpError("ABORTED", "stopped", { left: NOTHING_LEFT });
}
