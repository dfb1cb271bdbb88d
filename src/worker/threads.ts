import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { distUrl } from "../dist-url.js";
import { DumpError } from "../errors.js";
import type { Answer, Request } from "./tasks.js";

/** Tasks a thread has at most: one in work, one ready, one whose result is being written. */
export const TASKS_PER_THREAD = 3;

/** The worker's functions. */
export type TaskName = "scan" | "zeros" | "encode" | "check" | "compare";

/** More threads than this gain nothing by themselves: one main thread writes for all. */
const MAX_STANDARD_THREADS = 16;

/** Threads that are ended before they have started say so; nobody needs to know. */
const ignore = () => undefined;

/** Each thread takes some 15 MiB of its own and 9 MiB of shared memory. */
export const MAX_THREADS = 256;

/** One thread per core, 16 at most. */
export function standardThreads(): number {
  return Math.min(availableParallelism(), MAX_STANDARD_THREADS);
}

/**
 * Worker threads, for one run or many. Starting them takes as long as filtering a small dump, so they are started
 * before it is known what for, and a service keeps them from dump to dump. Throws `BAD_OPTION`.
 */
export class WorkerThreads {
  readonly count: number;
  readonly #piscina: Piscina;
  #ready = false;
  #ended = false;

  constructor(count: number = standardThreads()) {
    if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
      throw new DumpError("BAD_OPTION", `${count} worker threads; 1 to ${MAX_THREADS} are possible`);
    }
    this.count = count;
    this.#piscina = new Piscina({
      filename: distUrl("worker/worker.js", import.meta.url).href,
      minThreads: count,
      maxThreads: count,
      // Queued in the threads themselves: the main thread may be writing when one becomes free.
      concurrentTasksPerWorker: TASKS_PER_THREAD,
      maxQueue: Number.POSITIVE_INFINITY,
      // Threads wait for messages as usual: with atomics they would not take in the next task while one is done.
      atomics: "disabled",
    });
    this.#piscina.on("error", (error: unknown) => {
      // Results that were on their way when the threads were ended come as errors of no task: nobody waits for them.
      if (!this.#ended) throw error;
    });
    // A thread loads the worker's code with its first task: give each one at once.
    for (let i = 0; i < count; i++) this.#piscina.run(undefined, { name: "start" }).then(this.#isReady, ignore);
  }

  readonly #isReady = () => {
    this.#ready = true;
  };

  /** Whether a thread has started; until then the main thread may as well do the work itself. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Runs one of the worker's functions. */
  async run<T, R>(name: TaskName, request: Request<T>): Promise<Answer<R>> {
    return (await this.#piscina.run(request, { name })) as Answer<R>;
  }

  /** Ends the threads, whatever they are doing. */
  async destroy(): Promise<void> {
    // An answer that is under way when the threads end is none that piscina expects: it would end the whole process.
    this.#piscina.on("error", () => undefined);
    this.#ended = true;
    await this.#piscina.destroy();
  }
}
