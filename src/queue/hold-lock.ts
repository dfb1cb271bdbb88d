import type { Job, Queue } from "bullmq";
import type { RedisConnection } from "./redis.js";

/**
 * A lock may run out while Redis is unreachable or the process is stopped. It is taken again if the job is still among
 * the active ones, so nobody has begun to take it over. BullMQ's own call would give the job up, and hours of work.
 */
const HOLD = `local holder = redis.call("GET", KEYS[1])
if holder == ARGV[1] or (not holder and redis.call("LPOS", KEYS[3], ARGV[3])) then
  redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
  redis.call("SREM", KEYS[2], ARGV[3])
  return 1
end
return 0`;

/**
 * Keeps a job's lock for `takeover` milliseconds from now. Returns `false` if the job belongs to another worker, or to
 * nobody.
 */
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
