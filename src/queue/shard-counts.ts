import type { Queues } from "./queues.js";

/** A planned run whose shards are counted. */
export interface PlannedRun {
  readonly id: string;
  readonly round: number;
  readonly shards: number;
}

/** The states of a run's shards. */
export interface ShardCounts {
  readonly done: number;
  readonly active: number;
  readonly failed: number;
  /** Pages that are encoded. */
  readonly pages: number;
  /** The hosts that work on them now. */
  readonly hosts: readonly string[];
  /** Why a worker could not make a shard that waits. */
  readonly refused: string | undefined;
}

/**
 * A shard has a job in the first round, and in each round in which it was made again: the last one counts. The data of
 * jobs are not trusted: numbers are only added up.
 */
const COUNT = `local active = {}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], 0, -1)) do active[id] = true end
local function decoded(text)
  local good, value = pcall(cjson.decode, text or "")
  return good and type(value) == "table" and value or {}
end
local out = {}
for n = 2, #ARGV, 3 do
  local done, running, failed, pages, hosts, refused = 0, 0, 0, 0, {}, ""
  for index = 0, tonumber(ARGV[n + 2]) - 1 do
    local id, job
    for round = tonumber(ARGV[n + 1]), 0, -1 do
      id = ARGV[n] .. "-" .. round .. "-" .. index
      job = redis.call("HMGET", ARGV[1] .. id, "data", "progress")
      if job[1] then break end
    end
    if job[1] then
      local all = tonumber(decoded(job[1]).pages) or 0
      local progress = decoded(job[2])
      if active[id] then
        running = running + 1
        pages = pages + math.min(all, tonumber(progress.pages) or 0)
        if type(progress.host) == "string" then hosts[#hosts + 1] = progress.host end
      elseif redis.call("ZSCORE", KEYS[2], id) then done, pages = done + 1, pages + all
      elseif redis.call("ZSCORE", KEYS[3], id) then failed = failed + 1
      elseif type(progress.refused) == "string" then refused = progress.refused end
    end
  end
  out[#out + 1] = {done, running, failed, string.format("%.0f", pages), refused, unpack(hosts, 1, 64)}
end
return out`;

/** The most shards per request: a run may have 4096, and each takes Redis some microseconds. */
const AT_ONCE = 8192;

/** The states of the shards of runs, in their order. */
export async function shardCounts({ redis, shards }: Queues, runs: readonly PlannedRun[]): Promise<ShardCounts[]> {
  const keys = ["active", "completed", "failed"].map((name) => shards.toKey(name));
  const out: ShardCounts[] = [];
  for (let next = 0; next < runs.length; ) {
    const args: (string | number)[] = [];
    for (let sum = 0; next < runs.length && (sum === 0 || sum + (runs[next] as PlannedRun).shards <= AT_ONCE); next++) {
      const run = runs[next] as PlannedRun;
      args.push(run.id, run.round, run.shards);
      sum += run.shards;
    }
    const rows = (await redis.eval(COUNT, keys.length, ...keys, shards.toKey(""), ...args)) as (string | number)[][];
    for (const [done, active, failed, pages, refused, ...hosts] of rows) {
      out.push({
        ...{ done: Number(done), active: Number(active), failed: Number(failed), pages: Number(pages) },
        hosts: [...new Set(hosts.map(String))],
        refused: refused === "" ? undefined : String(refused),
      });
    }
  }
  return out;
}
