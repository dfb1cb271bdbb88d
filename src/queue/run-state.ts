import { DumpError } from "../errors.js";
import { isLasting } from "../shard/worth-trying.js";
import { type DumpJob, dumpJob, OtherFormat } from "./job-data.js";
import type { Queues } from "./queues.js";
import { type ShardCounts, shardCounts } from "./shard-counts.js";
import { type JobState, type Snapshot, snapshots } from "./snapshot.js";
import type { RunState } from "./submission.js";

/**
 * The states of runs, in the order of their IDs; runs that do not exist any more are left out. One request to Redis for
 * a hundred of them.
 */
export async function runStates(queues: Queues, ids: readonly string[]): Promise<readonly RunState[]> {
  const found = (await snapshots(queues, ids)).map((snapshot) => ({ snapshot, data: readable(snapshot) }));
  const planned = found.flatMap(({ snapshot: { id }, data }) =>
    data instanceof DumpError || data.planned === undefined
      ? []
      : [{ id, round: data.round, shards: data.planned.shards }],
  );
  const counts = await shardCounts(queues, planned);
  const countsOf = new Map(planned.map(({ id }, i) => [id, counts[i] as ShardCounts]));
  return found.map(({ snapshot, data }) =>
    data instanceof DumpError ? unreadable(snapshot, data) : describe(snapshot, data, countsOf.get(snapshot.id)),
  );
}

/** A run's job, or the error why this program cannot read it. */
export function readable({ data }: Snapshot): DumpJob | DumpError {
  try {
    return dumpJob(data);
  } catch (error) {
    if (error instanceof DumpError) return error;
    throw error;
  }
}

/** The state of a job that this program cannot read. Names in its data are only for display. */
function unreadable({ id, data, cancelled }: Snapshot, error: DumpError): RunState {
  const { inputs, output, submitted } = (data ?? {}) as Record<string, unknown>;
  const at = (submitted ?? {}) as Record<string, unknown>;
  return {
    ...{ id, cancelled, reason: error.message, key: undefined },
    state: error instanceof OtherFormat ? "other-version" : "unreadable",
    inputs: Array.isArray(inputs) ? inputs.filter((one) => typeof one === "string") : [],
    output: typeof output === "string" ? output : "",
    submitted: { host: typeof at["host"] === "string" ? at["host"] : "", at: Number(at["at"]) || 0 },
    ...{ progress: 0, shards: undefined, hosts: [], outputBytes: undefined, code: undefined, mayRetry: false },
  };
}

function describe(snapshot: Snapshot, data: DumpJob, counts: ShardCounts | undefined): RunState {
  const { id, state, failure } = snapshot;
  const { planned } = data;
  const progress = (snapshot.progress ?? {}) as { readonly [Part in "step" | "refused" | "failed"]?: unknown };
  const name = nameOf(state, planned !== undefined, progress.step);
  const { result } = (snapshot.result ?? {}) as { readonly result?: { readonly outputBytes?: number } };
  const code = name !== "failed" ? undefined : snapshot.cancelled ? "ABORTED" : textOrNone(progress.failed);
  const isOver = name === "done" || name === "failed";
  const own = typeof progress.refused === "string" && state !== "active" ? progress.refused : undefined;
  const refused = own ?? counts?.refused;
  const share =
    planned === undefined || counts === undefined ? 0 : planned.kept === 0 ? 1 : counts.pages / planned.kept;
  return {
    ...{ id, key: data.key, state: name, inputs: data.inputs, output: data.output, submitted: data.submitted },
    progress: name === "done" ? 1 : Math.min(1, share),
    shards: planned &&
      counts && { all: planned.shards, done: counts.done, active: counts.active, failed: counts.failed },
    hosts: counts?.hosts ?? [],
    outputBytes: result?.outputBytes,
    reason: name === "failed" ? failure : name === "waiting" ? (refused ?? failure) : isOver ? undefined : refused,
    ...{ code, mayRetry: name === "failed" && code !== "ABORTED" && !isLasting(code ?? "") },
    cancelled: !isOver && snapshot.cancelled,
  };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function nameOf(state: JobState, planned: boolean, step: unknown): RunState["state"] {
  if (state === "completed") return "done";
  if (state === "failed") return "failed";
  if (state === "waiting-children") return "shards";
  if (state === "active") return planned ? (step === "finish" ? "finishing" : "shards") : "planning";
  return planned ? "shards" : "waiting";
}
