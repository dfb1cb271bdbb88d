import { hostname } from "node:os";
import { aFlag, aText, checkGiven, maybe, type Shape, wholeNumber } from "../option-shape.js";
import { RUN_SHAPE, type RunOptions, requestOf } from "../shard/run-options.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import type { Submission } from "./jobs.js";
import { MAX_PRIORITY } from "./queue-limits.js";

/** A run for the workers of a queue. */
export interface SubmitOptions extends RunOptions {
  /** Where Redis is: `redis://`, `rediss://` or `unix://`. Default: `REDIS_URL` of the environment, or this host. */
  readonly redis?: string;
  /** How many parts the work is cut into. Default: by the dump's size and the workers that are there. */
  readonly shards?: number;
  /** 1 goes first, 2097152 last; without one a run goes before all these. */
  readonly priority?: number;
  /** Run it though it is done already. Default: false. */
  readonly again?: boolean;
}

const SUBMIT: Shape<SubmitOptions> = {
  ...RUN_SHAPE,
  redis: maybe(aText),
  shards: maybe(wholeNumber(1, MAX_SHARDS)),
  priority: maybe(wholeNumber(1, MAX_PRIORITY)),
  again: maybe(aFlag),
};

/**
 * Puts a filter run into the queue, whose workers (`coresieve worker`) write the output together. The same run submitted again is not run again; `watchRun`
 * says how it goes. Needs the packages bullmq and ioredis. Throws `BAD_OPTION` for options that do not fit and where those packages are missing,
 * `OUTPUT_EXISTS` where another run is to write the same output, or something else lies there than a run that is done has written, `NOT_READABLE` for
 * an input that is not there and a Redis that does not answer.
 */
export async function submitRun(options: SubmitOptions): Promise<Submission> {
  checkGiven(options, SUBMIT);
  const { redis, shards = 0, priority = 0, again = false, ...run } = options;
  const request = await requestOf(run);
  const [{ openQueues, redisUrl }, { addRun }] = await Promise.all([import("./queues.js"), import("./jobs.js")]);
  const queues = await openQueues(redisUrl(redis));
  try {
    return await addRun(queues, request, { shards, priority, again, host: hostname() });
  } finally {
    await queues.close();
  }
}
