import type { Worker } from "node:worker_threads";

/** Whether V8 may ask Node for a task to mark garbage in. It is set for the whole process. */
const MARKING_TASKS = "incremental-marking-task";

/** How many are ending threads just now, in the process: the flag is one for all. */
let ending = 0;

/**
 * Ends threads by `end`, which resolves when they have ended. A thread that ends is taken from Node's list before V8 has given up its heap (node_worker.cc of Node 20 to 26).
 * If a function is still being compiled for it by another thread just then, and that needs memory beyond V8's next limit, V8 asks Node for the thread's tasks, and Node
 * ends the whole process: "Assertion failed: (data.first) != nullptr", seen once in some ten thousand threads. So V8 does not ask meanwhile. Takes 1 ms for the first time.
 */
export async function endThreads(end: () => Promise<unknown>): Promise<void> {
  if (ending++ === 0) allowMarkingTasks(false);
  try {
    await end();
  } finally {
    if (--ending === 0) allowMarkingTasks(true);
  }
}

/** The same for a thread that somebody else is ending now. */
export function threadEnds(thread: Worker): void {
  // It has ended already.
  if (thread.threadId === -1) return;
  void endThreads(() => new Promise((resolve) => thread.once("exit", resolve)));
}

/** The same for the program itself, whose end ends its threads: from now on, if it starts one at all. */
export function endThreadsWithProgram(): void {
  process.once("worker", () => process.once("exit", () => allowMarkingTasks(false)));
}

function allowMarkingTasks(allowed: boolean): void {
  // Whoever started the process wants none.
  if (process.execArgv.some((word) => word.replaceAll("_", "-") === `--no-${MARKING_TASKS}`)) return;
  // Loaded here, because programs that start no thread have no use for it.
  process.getBuiltinModule("node:v8").setFlagsFromString(`--${allowed ? "" : "no-"}${MARKING_TASKS}`);
}
