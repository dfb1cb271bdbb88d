import { Piscina } from "piscina";
import { DumpError, reviveDumpError } from "../errors.js";
import type { DumpImage } from "../reader/dump.js";
import type { Codec } from "./codec/codecs.js";
import { createSlotMemory, type SlotLayout, SlotLender, slotLayout } from "./slots.js";
import type {
  Answer,
  EncodeResult,
  EncodeTask,
  ScanResult,
  ScanTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";

/** Tasks a worker has at most: one in work, one ready, one whose result is being written. */
const TASKS_PER_WORKER = 3;

/** The worker threads of one run, and the memory they share with the main thread. */
export class WorkerPool {
  readonly layout: SlotLayout;
  /** The shared memory: results lie in it until their slot is given back. */
  readonly bytes: Uint8Array;
  readonly slots: SlotLender;
  /** Most tasks that make sense at once. */
  readonly inFlight: number;
  readonly #piscina: Piscina;
  readonly #signal: AbortSignal | undefined;

  constructor(image: DumpImage, pageSize: number, codec: Codec, workers: number, signal?: AbortSignal) {
    this.inFlight = workers * TASKS_PER_WORKER;
    this.layout = slotLayout(this.inFlight, pageSize);
    const memory = createSlotMemory(this.layout);
    this.bytes = new Uint8Array(memory.buffer);
    this.slots = new SlotLender(this.inFlight);
    this.#signal = signal;
    const context: WorkerContext = { image, pageSize, memory, layout: this.layout, codec };
    this.#piscina = new Piscina({
      filename: workerFile(),
      workerData: context,
      minThreads: workers,
      maxThreads: workers,
      // Queued in the threads themselves: the main thread may be writing when one becomes free.
      concurrentTasksPerWorker: TASKS_PER_WORKER,
      maxQueue: Number.POSITIVE_INFINITY,
      // Threads wait for messages as usual: with atomics they would not take in the next task while one is done.
      atomics: "disabled",
    });
  }

  scan(task: ScanTask): Promise<ScanResult> {
    return this.#run("scan", task);
  }

  zeros(task: ZeroTask): Promise<ZeroResult> {
    return this.#run("zeros", task);
  }

  encode(task: EncodeTask): Promise<EncodeResult> {
    return this.#run("encode", task);
  }

  async #run<T, R>(name: string, task: T): Promise<R> {
    throwIfAborted(this.#signal);
    const answer = (await this.#piscina.run(task, { name })) as Answer<R>;
    throwIfAborted(this.#signal);
    if ("failure" in answer) throw reviveDumpError(answer.failure);
    return answer.result;
  }

  /** Ends the threads, whatever they are doing. */
  async destroy(): Promise<void> {
    await this.#piscina.destroy();
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
  if (signal?.aborted) throw new DumpError("ABORTED", "stopped; nothing was left behind");
}

/** The compiled worker: workers cannot run TypeScript on every Node, so under vitest it is taken from dist. */
function workerFile(): string {
  const fromSource = import.meta.url.endsWith(".ts");
  return new URL(fromSource ? "../../dist/worker/worker.js" : "./worker.js", import.meta.url).href;
}
