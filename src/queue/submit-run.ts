import { hostname } from "node:os";
import { aFlag, aText, checkGiven, maybe, type Shape, suchThat, wholeNumber } from "../option-shape.js";
import { openSideFile } from "../reader/source/side-file.js";
import { RUN_SHAPE, type RunOptions, requestOf } from "../shard/run-options.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isStorePath } from "../store/store-url.js";
import type { Submission } from "./jobs.js";
import { MAX_KEY, MAX_PRIORITY } from "./queue-limits.js";

/** A run for the workers of a queue. */
export interface SubmitOptions extends RunOptions {
  /** Where Redis is: `redis://`, `rediss://` or `unix://`. Default: `REDIS_URL` of the environment, or this host. */
  readonly redis?: string;
  /** How many parts the work is cut into. Default: by the dump's size and the workers that are there. */
  readonly shards?: number;
  /** 1 goes first, 2097152 last; without one a run goes before all these. */
  readonly priority?: number;
  /**
   * The caller's own name of the run, of at most 256 characters: the run's ID comes from it, and not from what is to be made. The same key again is the
   * same run, also when the dump's time has changed; for another one it is refused, unless the run is over, and failed or `again` is asked for.
   */
  readonly key?: string;
  /** Run it though it is done already. Default: false. */
  readonly again?: boolean;
}

const SUBMIT: Shape<SubmitOptions> = {
  ...RUN_SHAPE,
  redis: maybe(aText),
  shards: maybe(wholeNumber(1, MAX_SHARDS)),
  priority: maybe(wholeNumber(1, MAX_PRIORITY)),
  key: maybe(
    suchThat((value) => typeof value === "string" && value !== "" && value.length <= MAX_KEY, "1 to 256 characters"),
  ),
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
  const { redis, shards = 0, priority = 0, again = false, key, ...run } = options;
  // Loading takes longer than looking at the dump; what is wrong with either is said below.
  const loaded = import("./load-bullmq.js").then(({ loadBullmq }) => loadBullmq());
  loaded.catch(() => undefined);
  const request = await requestOf(run);
  // An object is the same for every host, so that it is missing can be said now.
  if (request.vmlinux !== undefined && isStorePath(request.vmlinux)) (await openSideFile(request.vmlinux)).close();
  const [{ openQueues, redisUrl }, { addRun }] = await Promise.all([import("./queues.js"), import("./jobs.js")]);
  const queues = await openQueues(redisUrl(redis));
  try {
    return await addRun(queues, request, { shards, priority, again, key, host: hostname() });
  } finally {
    await queues.close();
  }
}
