import { cancelKey, type Queues } from "./queues.js";

/**
 * States of a job in BullMQ, by the kind of key in which its queue has them: lists and sorted sets. `gone`: in none of
 * them.
 */
const LISTS = ["active", "wait", "paused"] as const;
const SETS = ["prioritized", "delayed", "waiting-children", "failed", "completed"] as const;
export type JobState = (typeof LISTS)[number] | (typeof SETS)[number] | "gone";

/** A job at one moment. Nothing in it is checked. */
export interface Snapshot {
  readonly id: string;
  readonly state: JobState;
  readonly data: unknown;
  readonly progress: unknown;
  readonly result: unknown;
  /** Why the last try failed. */
  readonly failure: string | undefined;
  /** Whether it should be cancelled. */
  readonly cancelled: boolean;
}

/**
 * All IDs with the time of their submission. One request, so that a job that changes its state meanwhile is not missed.
 */
const ALL = `local found = {}
local function add(id)
  local at = redis.call("HGET", ARGV[1] .. id, "timestamp")
  if at then found[#found + 1] = id; found[#found + 1] = at end
end
for i = 1, ${LISTS.length} do for _, id in ipairs(redis.call("LRANGE", KEYS[i], 0, -1)) do add(id) end end
for i = ${LISTS.length + 1}, #KEYS do for _, id in ipairs(redis.call("ZRANGE", KEYS[i], 0, -1)) do add(id) end end
return found`;

/** State and fields of jobs, in the order of their IDs. An empty result means that the job does not exist. */
const FIELDS = `local state = {}
for i = 1, ${LISTS.length} do for _, id in ipairs(redis.call("LRANGE", KEYS[i], 0, -1)) do state[id] = i end end
local out = {}
for n = 3, #ARGV do
  local id = ARGV[n]
  local job = redis.call("HMGET", ARGV[1] .. id, "data", "progress", "returnvalue", "failedReason")
  local row = {}
  if job[1] then
    local at = state[id] or 0
    for i = ${LISTS.length + 1}, #KEYS do if at == 0 and redis.call("ZSCORE", KEYS[i], id) then at = i end end
    row = {at, redis.call("EXISTS", ARGV[2] .. id)}
    for i = 1, 4 do row[#row + 1] = job[i] or "" end
  end
  out[#out + 1] = row
end
return out`;

/** The most jobs per request. With their rules and VMCOREINFO texts they may have some hundred KiB each. */
const AT_ONCE = 100;

function stateKeys(queue: Queues["dumps"]): readonly string[] {
  return [...LISTS, ...SETS].map((name) => queue.toKey(name));
}

/** IDs of all runs, the latest submission first. */
export async function allRunIds({ redis, dumps }: Queues): Promise<readonly string[]> {
  const keys = stateKeys(dumps);
  const found = (await redis.eval(ALL, keys.length, ...keys, dumps.toKey(""))) as string[];
  const runs: { readonly id: string; readonly at: number }[] = [];
  for (let i = 0; i < found.length; i += 2) runs.push({ id: found[i] as string, at: Number(found[i + 1]) });
  return runs.sort((a, b) => b.at - a.at).map(({ id }) => id);
}

/** Runs at this moment; those that do not exist any more are left out. */
export async function snapshots({ redis, dumps }: Queues, ids: readonly string[]): Promise<readonly Snapshot[]> {
  const keys = stateKeys(dumps);
  const out: Snapshot[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const args = [dumps.toKey(""), cancelKey(""), ...some];
    const rows = (await redis.eval(FIELDS, keys.length, ...keys, ...args)) as (string | number)[][];
    for (const [i, [at, cancelled, data, progress, result, failure]] of rows.entries()) {
      if (at === undefined) continue;
      const state = [...LISTS, ...SETS][Number(at) - 1] ?? "gone";
      out.push({
        ...{ id: some[i] as string, state, cancelled: cancelled === 1 },
        ...{ data: parsed(data), progress: parsed(progress), result: parsed(result) },
        failure: failure === "" ? undefined : String(failure),
      });
    }
  }
  return out;
}

function parsed(text: string | number | undefined): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}
