import type { JobsOptions, Queue, Telemetry } from "bullmq";
import type { Redis } from "ioredis";
import { DumpError, systemErrorCode } from "../errors.js";
import { tlsProblem } from "../store/tls-problem.js";
import { loadBullmq, type QueueLibrary } from "./load-bullmq.js";

/** Names of the two queues; their keys in Redis begin with `PREFIX`. */
export const DUMPS = "dumps";
export const SHARDS = "shards";
export const PREFIX = "coresieve";

/** Finished jobs are remembered so long, in seconds: `coresieve jobs` lists them, and who submits the same dump is told. */
const REMEMBER_DONE = 7 * 24 * 3600;
const REMEMBER_FAILED = 30 * 24 * 3600;

/** Milliseconds that commands of people wait for Redis. */
const PATIENCE = 10_000;

/** Errors after which there is nothing to wait for. */
const NOBODY_THERE: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT", "ENOTFOUND"]);

/** The queues, opened. */
export interface Queues extends QueueLibrary {
  readonly redis: Redis;
  readonly dumps: Queue;
  readonly shards: Queue;
  close(): Promise<void>;
}

/** How jobs are added: tried three times with growing pauses, remembered for a while. */
export const JOB_OPTIONS: JobsOptions = {
  attempts: 3,
  backoff: { type: "exponential", delay: 2000, jitter: 0.5 },
  removeOnComplete: { age: REMEMBER_DONE },
  removeOnFail: { age: REMEMBER_FAILED },
};

/** A key that is there when a run is to end: a job's data would be written over by the worker that has it. */
export function cancelKey(dump: string): string {
  return `${PREFIX}:cancel:${dump}`;
}

/** A key that is there while a run is removed to be submitted again: for that moment it is in no list. */
export function againKey(dump: string): string {
  return `${PREFIX}:again:${dump}`;
}

/** Where Redis is: named, or from the environment. Throws `BAD_OPTION`. */
export function redisUrl(named: string | undefined): string {
  const { REDIS_URL } = process.env;
  const url = named ?? REDIS_URL ?? "redis://127.0.0.1:6379";
  if (/^(rediss?|unix):\/\//.test(url) && URL.canParse(url)) return url;
  throw new DumpError("BAD_OPTION", `${hidden(url)} is no address of a Redis server`, {
    cure: "Write redis://host:6379, rediss://host:6379 (TLS) or unix:///path, as --redis or in REDIS_URL",
  });
}

/** An address without what is secret in it, for messages. */
export function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@").replace(/([?&][^=&]*(?:pass|token|secret)[^=&]*=)[^&]*/gi, "$1***");
}

/** A connection to Redis. ioredis does not read addresses of sockets. */
export function connect(Redis: QueueLibrary["Redis"], url: string): Redis {
  const { pathname, username, password } = new URL(url);
  const socket = {
    path: pathname,
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
  const options = {
    // Commands wait until Redis is back, however long that takes: BullMQ demands it of workers.
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(200 * times, 2000),
  };
  const redis = url.startsWith("unix:") ? new Redis({ ...socket, ...options }) : new Redis(url, options);
  // What is wrong shows in the commands; without a listener the process would end.
  redis.on("error", () => undefined);
  return redis;
}

/** Opens the queues. Throws `BAD_OPTION` where BullMQ is missing, `NOT_READABLE` where Redis does not answer. */
export async function openQueues(url: string, telemetry?: Telemetry): Promise<Queues> {
  const library = await loadBullmq();
  const { bullmq, Redis } = library;
  const redis = connect(Redis, url);
  try {
    await answers(redis, url);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  const options = { connection: redis, prefix: PREFIX, ...(telemetry === undefined ? {} : { telemetry }) };
  const dumps = new bullmq.Queue(DUMPS, options);
  const shards = new bullmq.Queue(SHARDS, options);
  for (const queue of [dumps, shards]) queue.on("error", () => undefined);
  return {
    ...library,
    ...{ redis, dumps, shards },
    async close() {
      await Promise.allSettled([dumps.close(), shards.close()]);
      redis.disconnect();
    },
  };
}

async function answers(redis: Redis, url: string): Promise<void> {
  let last: unknown;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    redis.on("error", (error: unknown) => {
      last = error;
      if (NOBODY_THERE.has(systemErrorCode(error) ?? "") || tlsProblem(error, "redis", "REDIS_URL") !== undefined)
        reject(error);
    });
    timer = setTimeout(() => reject(last ?? new Error(`no answer in ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    await Promise.race([redis.ping(), late]);
  } catch (error) {
    const tls = tlsProblem(error, "redis", "REDIS_URL");
    const said = error instanceof Error ? error.message : String(error);
    const why = tls?.what ?? (said.startsWith("NOAUTH") ? "it wants a password" : said);
    throw new DumpError("NOT_READABLE", `Redis does not answer: ${hidden(why)}`, {
      file: hidden(url),
      cure:
        tls?.cure ??
        "Check that it runs, its address (--redis or REDIS_URL; rediss:// where it speaks TLS, and only there) and its password",
    });
  } finally {
    clearTimeout(timer);
  }
}
