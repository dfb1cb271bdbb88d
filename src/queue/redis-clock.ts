import type { BackendFactory, RedisQueueBackend } from "bullmq";
import type { QueueLibrary } from "./load-bullmq.js";
import type { RedisConnection } from "./redis.js";

/**
 * Milliseconds after which Redis's time is read again: clocks drift, and the monotonic clock stops while a machine
 * sleeps.
 */
const ASK_AGAIN = 10_000;

/**
 * The time of Redis, which is the same for a whole fleet. No decision of the queue depends on this host's system clock,
 * which may be an hour wrong, or be set during a run. Between two readings the monotonic clock counts.
 */
export class RedisClock {
  #asked = Number.NEGATIVE_INFINITY;
  #time = 0;
  #asking: Promise<void> | undefined;

  constructor(
    private readonly redis: RedisConnection,
    /** Any key of the queue: in a cluster, its node is asked. */
    private readonly key: string,
  ) {}

  /** Reads Redis's time, unless that was done recently. Throws what the connection throws. */
  async sync(): Promise<void> {
    if (performance.now() - this.#asked < ASK_AGAIN) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const before = performance.now();
    const [seconds, microseconds] = (await this.redis.eval('return redis.call("TIME")', 1, this.key)) as string[];
    this.#asked = performance.now();
    // The time was read at some moment between request and answer.
    this.#time = 1000 * Number(seconds) + Number(microseconds) / 1000 + (this.#asked - before) / 2;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Math.floor(this.#time + performance.now() - this.#asked);
  }
}

/**
 * Where BullMQ 6 passes this host's time to its scripts: the index among keys and arguments, from 0. All other times of
 * a script are durations. `test/queue/redis-clock.test.ts` compares this with the scripts of the installed BullMQ.
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

/**
 * A number within this many milliseconds of this host's clock is a time. Another BullMQ may have something else at that
 * index.
 */
const NEAR = 60_000;

/**
 * Makes a Redis backend for BullMQ that replaces this host's time by Redis's. So a job that may be taken again in two
 * seconds is taken then even if the host that handed it back is an hour ahead, and nothing that must be remembered for
 * a week is forgotten because a host's clock is wrong.
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
