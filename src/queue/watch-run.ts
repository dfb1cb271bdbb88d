import { DumpError } from "../errors.js";
import {
  aSignal,
  aText,
  checkArgument,
  checkGiven,
  eitherOf,
  hasMembers,
  maybe,
  type Shape,
  suchThat,
} from "../option-shape.js";
import type { RunState } from "./run-state.js";

/** How a run of the queue is watched. */
export interface WatchOptions {
  /** Where Redis is: `redis://`, `rediss://` or `unix://`. Default: `REDIS_URL` of the environment, or this host. */
  readonly redis?: string;
  /** Stops the watching, with an `ABORTED` error. The run goes on. */
  readonly signal?: AbortSignal;
}

const WATCH: Shape<WatchOptions> = { redis: maybe(aText), signal: maybe(aSignal) };
const A_RUN = eitherOf(
  (value) => typeof value === "string",
  aText,
  suchThat((value) => hasMembers(value, ["id", "state"]), "a run's ID, or its state as submitRun gives it"),
);

/** Milliseconds between two looks. */
const LOOK = 500;

/**
 * How a run of the queue stands: now, after each change, and at last when it is over (`done`, `failed`, `unreadable`): then it ends. `run` is its ID or the
 * beginning of that, or the state that `submitRun` gave: a run that is cancelled before a worker takes it is known by that state only. Who
 * leaves the loop before has closed the connection. Throws `BAD_OPTION` for a run that the queue has not, `NOT_READABLE` where Redis does not
 * answer, `ABORTED` after `signal`.
 */
export async function* watchRun(run: string | RunState, options: WatchOptions = {}): AsyncGenerator<RunState> {
  checkArgument("run", run, A_RUN);
  checkGiven(options, WATCH);
  const { redis, signal } = options;
  const [{ openQueues, redisUrl }, jobs, { Bell }] = await Promise.all([
    import("./queues.js"),
    import("./jobs.js"),
    import("./bell.js"),
  ]);
  // Who only looks need not wait until Redis is set up as it should be.
  const queues = await openQueues(redisUrl(redis), { anyPolicy: true });
  const bell = new Bell();
  void bell.listen(queues);
  try {
    let state =
      typeof run === "string"
        ? await jobs.runState(queues, await jobs.findRun(queues, run))
        : await jobs.laterState(queues, run);
    for (let last = ""; ; state = await jobs.laterState(queues, state)) {
      const text = JSON.stringify(state);
      if (text !== last) yield state;
      last = text;
      if (isOver(state)) return;
      await bell.wait(LOOK, signal).catch((cause: unknown) => {
        throw new DumpError("ABORTED", `stopped waiting; ${state.id} goes on`, { cause });
      });
    }
  } finally {
    bell.close();
    await queues.close();
  }
}

/** Whether nothing more becomes of a run by itself. */
export function isOver({ state }: RunState): boolean {
  return state === "done" || state === "failed" || state === "unreadable";
}
