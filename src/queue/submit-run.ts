import { hostname } from "node:os";
import { aFlag, aText, checkGiven, maybe, type Shape, suchThat, wholeNumber } from "../option-shape.js";
import { openSideFile } from "../reader/source/side-file.js";
import { RUN_SHAPE, type RunOptions, requestOf } from "../shard/run-options.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isStorePath } from "../store/store-url.js";
import { MAX_KEY, MAX_PRIORITY } from "./queue-limits.js";
import type { Submission } from "./submission.js";

/** A run for the workers of a queue. */
export interface SubmitOptions extends RunOptions {
  /**
   * The address of Redis: `redis://`, `rediss://` or `unix://`. Default: `REDIS_URL` of the environment, or this host.
   */
  readonly redis?: string;
  /** The number of shards. Default: by the dump's size and the number of workers. */
  readonly shards?: number;
  /** 1 is the highest priority, 2097152 the lowest; runs without a priority come before all these. */
  readonly priority?: number;
  /**
   * The caller's own name of the run, at most 256 characters. The run's ID is then made from it, and not from the
   * request. The same key means the same run, even if the dump's time has changed. It is refused for another run,
   * unless the first run is finished, and has failed or `again` is set.
   */
  readonly key?: string;
  /** Makes the run again even if it is done. Default: false. */
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
 * Puts a filter run into the queue, whose workers (`coresieve worker`) write the output together. The same run
 * submitted again is not made again; `watchRun` shows its progress. Needs the packages bullmq and ioredis. Throws
 * `BAD_OPTION` for invalid options and if those packages are missing, `OUTPUT_EXISTS` if another run will write the
 * same output, or if there is something else than the output of a finished run, `NOT_READABLE` for a missing input and
 * if Redis does not answer.
 */
export async function submitRun(options: SubmitOptions): Promise<Submission> {
  checkGiven(options, SUBMIT);
  const { redis, shards = 0, priority = 0, again = false, key, ...run } = options;
  // Loading takes longer than reading the dump's identity; errors of both are reported below.
  const loaded = import("./load-bullmq.js").then(({ loadBullmq }) => loadBullmq());
  loaded.catch(() => undefined);
  const request = await requestOf(run);
  // An object is the same for every host, so a missing one can be reported now.
  if (request.vmlinux !== undefined && isStorePath(request.vmlinux)) (await openSideFile(request.vmlinux)).close();
  const [{ openQueues, redisUrl }, { addRun }] = await Promise.all([import("./queues.js"), import("./jobs.js")]);
  const queues = await openQueues(redisUrl(redis));
  try {
    return await addRun(queues, request, { shards, priority, again, key, host: hostname() });
  } finally {
    await queues.close();
  }
}
