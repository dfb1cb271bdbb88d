import type { Job } from "bullmq";
import type { FilterResult } from "../run/filter-types.js";
import type { Queues } from "./queues.js";

/** The result of a finished job. */
export interface DumpDone {
  readonly output: string;
  readonly shards: number;
  readonly result: FilterResult;
}

/**
 * A field of the job's own hash, which is removed with it. Progress would not do: a worker that finishes the same
 * output would overwrite it.
 */
const FIELD = "finished";

/** Only for the same job: a run that was submitted again has the same key. */
const NOTE = `if redis.call("HGET", KEYS[1], "timestamp") == ARGV[1] then redis.call("HSET", KEYS[1], ARGV[2], ARGV[3]) end`;

/** Records that the output of a run exists, whichever worker made it. */
export async function noteFinished({ redis, dumps }: Queues, job: Job, done: DumpDone): Promise<void> {
  await redis.eval(NOTE, 1, dumps.toKey(job.id as string), `${job.timestamp}`, FIELD, JSON.stringify(done));
}

/** The result of a run whose output exists already: its worker died just then, or another one was faster. */
export async function finishedBefore({ redis, dumps }: Queues, job: Job): Promise<DumpDone | undefined> {
  const found = await redis.hget(dumps.toKey(job.id as string), FIELD);
  return found === null ? undefined : (JSON.parse(found) as DumpDone);
}
