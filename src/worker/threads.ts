import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { endThreads, threadEnds } from "../ending-threads.js";
import { abortedError, DumpError, systemErrorCode } from "../errors.js";
import { aNumber, checkArgument, eitherOf, maybe, suchThat, wholeNumber } from "../option-shape.js";
import { foreignReason, OPTION } from "../option-words.js";
import { distUrl } from "../program-files.js";
import { freeMailboxes } from "../store/mailboxes.js";
import { checkThreadsCanStart, threadSurroundingsError } from "../surroundings.js";
import type { Answer, Request } from "./tasks.js";

/** The most tasks of a thread: one in work, one ready, one whose result is being written. */
export const TASKS_PER_THREAD = 3;

/** Names of the worker's functions. */
export type TaskName = "scan" | "zeros" | "encode" | "check" | "compare" | "extend" | "search";

/** More threads are of no use by default: one main thread writes for all. */
const MAX_STANDARD_THREADS = 16;

/** Each thread takes some 15 MiB of its own and 15 MiB of shared memory. */
export const MAX_THREADS = 256;

/** The default number of threads: one per core, at most 16. */
export function standardThreads(): number {
  return Math.min(availableParallelism(), MAX_STANDARD_THREADS);
}

/**
 * Worker threads, for one run or many. Starting one takes 30 ms of a core, as long as the program itself. So some are
 * started before the program knows their work, one core is left to the main thread meanwhile, and the others start when
 * there are tasks for them. A service keeps them from dump to dump. Throws `BAD_OPTION`, `NO_MEMORY`, `UNSUPPORTED`.
 */
export class WorkerThreads {
  /** The most threads. */
  readonly count: number;
  /** Number of threads that are started at once. */
  readonly early: number;
  /** Resolves when the first of them has started, or failed to. */
  readonly started: Promise<unknown>;
  readonly #piscina: Piscina;
  /** Rejects tasks in flight when a thread has died. */
  readonly #waiting = new Set<(error: unknown) => void>();
  #failure: DumpError | undefined;
  #created = 0;
  #ready = 0;
  #ended = false;

  constructor(count: number = standardThreads()) {
    checkArgument("count", count, aNumber);
    if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
      throw new DumpError("BAD_OPTION", `${count} worker threads; the number must be from 1 to ${MAX_THREADS}`);
    }
    checkThreadsCanStart();
    this.count = count;
    this.early = Math.max(1, Math.min(count, availableParallelism() - 1));
    // The first threads are made here: throws if the system provides none.
    try {
      this.#piscina = new Piscina(settingsOf(this.early, count));
    } catch (error) {
      throw workerFailed(error);
    }
    // A thread died between two tasks. Results that were on their way when the threads were ended also come here.
    this.#piscina.on("error", (error: unknown) => this.#fail(error));
    // For early threads this event comes before they have started, for the others afterwards.
    this.#piscina.on("workerCreate", () => {
      if (++this.#created > this.early) this.#isReady();
    });
    // Comes while the thread is being ended, before the pool forgets it.
    this.#piscina.on("workerDestroy", ({ id }: { readonly id: number }) => {
      this.#ready--;
      const thread = this.#piscina.threads.find(({ threadId }) => threadId === id);
      if (thread === undefined) return;
      threadEnds(thread);
      thread.once("exit", () => freeMailboxes(id));
    });
    // A thread loads the worker's code with its first task: give each one at once.
    const starts = Array.from({ length: this.early }, () =>
      this.#piscina.run(undefined, { name: "start" }).then(this.#isReady, (e) => this.#fail(e)),
    );
    this.started = Promise.race(starts);
  }

  /** A thread died: no run can continue, and tasks that no thread takes would wait for ever. */
  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure ??= workerFailed(error);
    for (const reject of this.#waiting) reject(this.#failure);
  }

  readonly #isReady = () => {
    this.#ready++;
  };

  /** Number of threads that have started. Before the first has, the main thread may do the work itself. */
  get ready(): number {
    return this.#ready;
  }

  /**
   * @internal Runs one of the worker's functions. With `signal` the task has its own thread, which is ended by the
   * signal, because foreign code may never return. Throws `WORKER_FAILED` if a thread dies, `ABORTED`.
   */
  async run<T, R>(name: TaskName, request: Request<T>, signal?: AbortSignal): Promise<Answer<R>> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise<Answer<R>>((resolve, reject) => {
      this.#waiting.add(reject);
      const done = () => this.#waiting.delete(reject);
      this.#piscina.run(request, signal === undefined ? { name } : { name, signal }).then(
        (answer) => {
          done();
          resolve(answer as Answer<R>);
        },
        (error: unknown) => {
          done();
          if (signal?.aborted) return reject(abortedError());
          this.#fail(error);
          reject(this.#failure ?? destroyedInUse(error));
        },
      );
    });
  }

  /** Ends the threads, whatever they are doing. */
  async destroy(): Promise<void> {
    // piscina does not expect an answer that arrives while threads end; without this handler it would end the whole
    // process.
    this.#piscina.on("error", () => undefined);
    this.#ended = true;
    await endThreads(() => this.#piscina.destroy());
  }
}

function settingsOf(early: number, count: number) {
  return {
    // A path, because from a URL piscina would make a path for each task.
    filename: fileURLToPath(distUrl("worker/worker.cjs", import.meta.url)),
    // An existing name: if piscina looked for a default export, it would load the file a second time, as a module.
    name: "start",
    minThreads: early,
    // Another thread is started if a task comes while all have TASKS_PER_THREAD of them.
    maxThreads: count,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Tasks are queued in the threads, because the main thread may be writing when one becomes free.
    concurrentTasksPerWorker: TASKS_PER_THREAD,
    maxQueue: Number.POSITIVE_INFINITY,
    // With atomics, a thread would not accept the next task while it does one.
    atomics: "disabled",
    recordTiming: false,
    // Pages are not in V8's heap, and little else is made anew.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  } as const;
}

/** Only `destroy` makes tasks fail without a failure of a thread. */
function destroyedInUse(cause: unknown): DumpError {
  return new DumpError("BAD_OPTION", "the worker threads were destroyed before their use had ended", {
    cure: "Call destroy() when all runs that have them are done",
    cause,
  });
}

function workerFailed(error: unknown): DumpError {
  const known = threadSurroundingsError(error);
  if (known !== undefined) return known;
  const memory = systemErrorCode(error) === "ERR_WORKER_OUT_OF_MEMORY";
  return new DumpError("WORKER_FAILED", `a worker thread failed: ${foreignReason(error)}`, {
    cure: memory
      ? `Use fewer threads (${OPTION.threads}), or give Node more memory (NODE_OPTIONS=--max-old-space-size=4096)`
      : "Try again; if it happens again, please report it with the command line",
    cause: error,
  });
}

/** Checks the option `workers`. */
export const someWorkers = maybe(
  eitherOf(
    (value) => typeof value === "number",
    wholeNumber(1, MAX_THREADS),
    suchThat((value) => value instanceof WorkerThreads, `a number from 1 to ${MAX_THREADS}, or WorkerThreads`),
  ),
);
