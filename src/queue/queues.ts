import type { JobsOptions, Queue, Telemetry } from "bullmq";
import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { loadBullmq, type QueueLibrary } from "./load-bullmq.js";
import { checkEviction, hidden, openRedis, type RedisConnection } from "./redis.js";
import { RedisClock, redisTimeBackend } from "./redis-clock.js";

/** Names of the two queues. Their keys in Redis begin with `PREFIX`. */
export const DUMPS = "dumps";
export const SHARDS = "shards";
/**
 * In braces, because a cluster keeps all keys with the same text in braces on one node, and scripts may use keys of one
 * node only.
 */
export const PREFIX = "{coresieve}";

/** The opened queues. */
export interface Queues extends QueueLibrary {
  readonly redis: RedisConnection;
  readonly clock: RedisClock;
  /** The Redis backend for workers of these queues. */
  readonly backend: ReturnType<typeof redisTimeBackend>;
  readonly dumps: Queue;
  readonly shards: Queue;
  close(): Promise<void>;
}

/**
 * How jobs are added: three tries with growing pauses. The worker that ends a job decides how long it is remembered.
 */
export const JOB_OPTIONS: JobsOptions = {
  attempts: 3,
  backoff: { type: "exponential", delay: 2000, jitter: 0.5 },
};

/**
 * The key that exists while a run must end. It is not in the job's data, because the worker that has the job would
 * overwrite those.
 */
export function cancelKey(dump: string): string {
  return `${PREFIX}:cancel:${dump}`;
}

/** The key that exists while a run is removed to be submitted again: at that moment it is in no list. */
export function againKey(dump: string): string {
  return `${PREFIX}:again:${dump}`;
}

/** The address of Redis: the given one, or from the environment. Throws `BAD_OPTION`. */
export function redisUrl(named: string | undefined): string {
  const { REDIS_URL } = process.env;
  const url = named ?? REDIS_URL ?? "redis://127.0.0.1:6379";
  if (/^(rediss?|unix):\/\//.test(url) && URL.canParse(url)) return url;
  throw new DumpError("BAD_OPTION", `${hidden(url)} is not the address of a Redis server`, {
    cure: `Write redis://host:6379, rediss://host:6379 (TLS) or unix:///path, as ${OPTION.redis} or in REDIS_URL`,
  });
}

/**
 * Opens the queues. Throws `BAD_OPTION` if BullMQ is missing, or if Redis removes keys when its memory is full
 * (accepted with `anyPolicy`, for reading only), `NOT_READABLE` if Redis does not answer.
 */
export async function openQueues(
  url: string,
  { telemetry, anyPolicy = false }: { readonly telemetry?: Telemetry | undefined; readonly anyPolicy?: boolean } = {},
): Promise<Queues> {
  const library = await loadBullmq();
  const { bullmq } = library;
  const redis = await openRedis(library, url);
  const clock = new RedisClock(redis, `${PREFIX}:clock`);
  try {
    await clock.sync();
    if (!anyPolicy) await checkEviction(redis, url);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  const backend = redisTimeBackend(library, clock);
  const options = { connection: redis, prefix: PREFIX, ...(telemetry === undefined ? {} : { telemetry }) };
  const dumps = new bullmq.Queue(DUMPS, options, backend);
  const shards = new bullmq.Queue(SHARDS, options, backend);
  for (const queue of [dumps, shards]) queue.on("error", () => undefined);
  return {
    ...library,
    ...{ redis, clock, backend, dumps, shards },
    async close() {
      await Promise.allSettled([dumps.close(), shards.close()]);
      redis.disconnect();
    },
  };
}
