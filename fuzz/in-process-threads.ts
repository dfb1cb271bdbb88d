import { type TaskName, WorkerThreads } from "../src/worker/threads.js";
import * as worker from "../src/worker/worker.js";

type Functions = Readonly<Record<TaskName, (request: unknown) => unknown>>;

/**
 * Stands for worker threads, and does their tasks in the thread of the caller: there the branches of what they do are
 * counted, no message waits, and what they throw is seen as it is. Requests and answers are copied as messages are.
 */
export function inProcessThreads(): WorkerThreads {
  const functions = worker as unknown as Functions;
  const own = {
    count: 1,
    early: 1,
    ready: 1,
    run: async (name: TaskName, request: unknown) =>
      structuredClone(await functions[name](structuredClone(request))) as unknown,
    destroy: async () => undefined,
  };
  return Object.create(WorkerThreads.prototype, Object.getOwnPropertyDescriptors(own)) as WorkerThreads;
}
