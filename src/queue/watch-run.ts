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
import type { RunState } from "./submission.js";

/** How to watch a run of the queue. */
export interface WatchOptions {
  /**
   * The address of Redis: `redis://`, `rediss://` or `unix://`. Default: `REDIS_URL` of the environment, or this host.
   */
  readonly redis?: string;
  /** Stops watching, with an `ABORTED` error. The run continues. */
  readonly signal?: AbortSignal;
}

const WATCH: Shape<WatchOptions> = { redis: maybe(aText), signal: maybe(aSignal) };
const A_RUN = eitherOf(
  (value) => typeof value === "string",
  aText,
  suchThat((value) => hasMembers(value, ["id", "state"]), "a run's ID, or its state as submitRun gives it"),
);

/** Milliseconds between two checks. */
const LOOK = 500;

/**
 * The states of a run of the queue: now, after each change, and at the end (`done`, `failed`, `unreadable`). `run` is
 * its ID or the beginning of it, or the state that `submitRun` returned: a run that is cancelled before a worker takes
 * it can be found only by that state. Leaving the loop early closes the connection. Throws `BAD_OPTION` for an unknown
 * run, `NOT_READABLE` if Redis does not answer, `ABORTED` after `signal`.
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
  // Reading does not need Redis to be configured correctly.
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
        throw new DumpError("ABORTED", `stopped waiting; ${state.id} is still running`, { cause });
      });
    }
  } finally {
    bell.close();
    await queues.close();
  }
}

/** Whether a run is finished. */
export function isOver({ state }: RunState): boolean {
  return state === "done" || state === "failed" || state === "unreadable";
}
