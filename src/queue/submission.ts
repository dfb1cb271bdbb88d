// Imports nothing: these types are the library's, whose users need not have BullMQ.

/** The state of a dump's run. */
export interface RunState {
  readonly id: string;
  /** The name that its submitter gave it. */
  readonly key: string | undefined;
  /**
   * `waiting`, `planning`, `shards`, `finishing`, `done`, `failed`; or `other-version`: it belongs to a program version
   * that this one does not know, which will process it; or `unreadable`: no program can do it.
   */
  readonly state: "waiting" | "planning" | "shards" | "finishing" | "done" | "failed" | "other-version" | "unreadable";
  readonly inputs: readonly string[];
  readonly output: string;
  readonly submitted: { readonly host: string; readonly at: number };
  /** Share of the work that is done, 0 to 1. */
  readonly progress: number;
  /** `undefined` before the plan. */
  readonly shards:
    | { readonly all: number; readonly done: number; readonly active: number; readonly failed: number }
    | undefined;
  /** The hosts that work on it now. */
  readonly hosts: readonly string[];
  readonly outputBytes: number | undefined;
  /** Why it failed, cannot be read, or waits although a worker had it. */
  readonly reason: string | undefined;
  /** The code of its error, if it is known; it is not for a failed shard. `ABORTED`: it was cancelled. */
  readonly code: string | undefined;
  /**
   * It failed, but may succeed if it is retried or submitted again: after a full disk, or an unreachable share or
   * store.
   */
  readonly mayRetry: boolean;
  /** It was cancelled, but no worker has ended it yet. */
  readonly cancelled: boolean;
}

/** The result of a submission. */
export interface Submission {
  readonly id: string;
  /** `known`: the same run exists already, and is not made again. */
  readonly what: "new" | "known" | "again";
  readonly state: RunState;
}
