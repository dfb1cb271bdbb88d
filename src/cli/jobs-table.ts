import { formatBytes } from "../byte-size.js";
import type { RunState } from "../queue/submission.js";

/** The state of a run in one line. */
export function describeRun(run: RunState): string {
  const { state, inputs, output, progress, shards, hosts, outputBytes, reason } = run;
  const what = `${inputs[0]} to ${output}`;
  if (run.cancelled) return `cancelled: ${what}; the next free worker ends it`;
  if (state === "done") return `done: ${what}${outputBytes === undefined ? "" : `, ${formatBytes(outputBytes)}`}`;
  if (state === "failed") return `failed: ${what}: ${reason ?? "the reason is unknown"}`;
  if (state === "other-version") return `other version: ${what}: ${reason}`;
  if (state === "unreadable") return `unreadable: ${reason}`;
  if (shards === undefined) return `${state}: ${what}${reason === undefined ? "" : `; the last try failed: ${reason}`}`;
  const failed = shards.failed === 0 ? "" : `, ${shards.failed} failed`;
  const where = hosts.length === 0 ? "" : `, on ${hosts.join(", ")}`;
  const why = reason === undefined ? "" : `; a shard waits: ${reason}`;
  return `${state}: ${what}, ${Math.floor(100 * progress)} %, ${shards.done} of ${shards.all} shards done, ${shards.active} in work${failed}${where}${why}`;
}
