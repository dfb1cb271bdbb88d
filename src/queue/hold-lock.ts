import type { Job, Queue } from "bullmq";
import type { RedisConnection } from "./redis.js";

/**
 * A lock that ran out, while Redis was away or the process stood still, is taken again if nobody has begun to take the job over: it
 * is still among those in work. BullMQ's own call gives it up, and hours of work with it.
 */
const HOLD = `local holder = redis.call("GET", KEYS[1])
if holder == ARGV[1] or (not holder and redis.call("LPOS", KEYS[3], ARGV[3])) then
  redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
  redis.call("SREM", KEYS[2], ARGV[3])
  return 1
end
return 0`;

/** Keeps a job's lock for `takeover` milliseconds from now. Returns `false` where the job is another worker's, or nobody's, by now. */
export async function holdLock(
  redis: RedisConnection,
  queue: Queue,
  job: Job,
  token: string,
  takeover: number,
): Promise<boolean> {
  const id = job.id as string;
  const keys = [`${queue.toKey(id)}:lock`, queue.toKey("stalled"), queue.toKey("active")];
  return (await redis.eval(HOLD, keys.length, ...keys, token, takeover, id)) === 1;
}
