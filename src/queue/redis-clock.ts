import type { BackendFactory, RedisQueueBackend } from "bullmq";
import type { QueueLibrary } from "./load-bullmq.js";
import type { RedisConnection } from "./redis.js";

/** Milliseconds after which Redis is asked again: clocks drift, and a machine that slept has a monotonic clock that stood still. */
const ASK_AGAIN = 10_000;

/**
 * The time of Redis, which is the same for a whole fleet. No decision of the queue hangs on this host's own clock, which may be an hour off, or
 * be set in mid-run: between two questions the monotonic clock counts.
 */
export class RedisClock {
  readonly #redis: RedisConnection;
  /** Any key of the queue: in a cluster its node is asked, and no other. */
  readonly #key: string;
  #asked = Number.NEGATIVE_INFINITY;
  #time = 0;
  #asking: Promise<void> | undefined;

  constructor(redis: RedisConnection, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  /** Asks Redis, unless that was just done. Throws what the connection throws. */
  async sync(): Promise<void> {
    if (performance.now() - this.#asked < ASK_AGAIN) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const before = performance.now();
    const [seconds, microseconds] = (await this.#redis.eval('return redis.call("TIME")', 1, this.#key)) as string[];
    this.#asked = performance.now();
    // It was so at some moment between question and answer.
    this.#time = 1000 * Number(seconds) + Number(microseconds) / 1000 + (this.#asked - before) / 2;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Math.floor(this.#time + performance.now() - this.#asked);
  }
}

/**
 * Where BullMQ 6 gives its scripts the time of this host: the place among their keys and arguments, from 0. All else that a script is given is a
 * duration. `test/queue/redis-clock.test.ts` holds this against the scripts of the BullMQ that is installed.
 */
export const TIME_ARGUMENTS: ReadonlyMap<string, number> = new Map([
  ["moveToActive", 12],
  ["moveToDelayed", 12],
  ["moveToFinished", 15],
  ["moveToWaitingChildren", 9],
  ["moveStalledJobsToWait", 11],
  ["releaseParentIfNoPendingDependencies", 4],
  ["retryJob", 12],
]);

/** A number within so many milliseconds of this host's clock is a time; another BullMQ may have something else in that place. */
const NEAR = 60_000;

/**
 * Makes what BullMQ speaks to Redis with, so that it says Redis's time in place of this host's: a job that is to be taken again in two seconds is, though
 * who handed it back is an hour ahead, and nothing that is remembered for a week is forgotten because one host's battery is empty.
 */
export function redisTimeBackend(
  { bullmq }: QueueLibrary,
  clock: Pick<RedisClock, "now">,
): BackendFactory<RedisQueueBackend> {
  return (name, options, more) => {
    const backend = bullmq.createRedisBackend(name, options, more);
    const send = backend.execCommand.bind(backend);
    backend.execCommand = (client, command, args) => send(client, command, atRedisTime(command, args, clock));
    return backend;
  };
}

function atRedisTime(command: string, args: unknown[], clock: Pick<RedisClock, "now">): unknown[] {
  const at = TIME_ARGUMENTS.get(command);
  if (at === undefined || !(Math.abs(Number(args[at]) - Date.now()) < NEAR)) return args;
  return args.with(at, clock.now());
}
