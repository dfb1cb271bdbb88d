import { createHash } from "node:crypto";
import { DumpError } from "../errors.js";
import { PREFIX, type Queues } from "./queues.js";

/** The key with the run that may write an output: two runs at once would compete for its name. */
function claimKey(output: string): string {
  return `${PREFIX}:output:${createHash("sha256").update(output).digest("hex").slice(0, 32)}`;
}

/**
 * Seconds that a claim is remembered. It counts only while its run exists and is not finished; failed runs are
 * remembered as long.
 */
const REMEMBER_CLAIM = 30 * 24 * 3600;

/** Takes over a claim from that run, unless another run was faster. */
const TAKE_OVER = `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3])
return 1`;

/**
 * Claims an output for a run that will be added, or made again. `isLive` returns whether a run is waiting or active.
 * Throws `OUTPUT_EXISTS` if another run has claimed it: a run with other options, or of another input.
 */
export async function claimOutput(
  { redis }: Pick<Queues, "redis">,
  output: string,
  id: string,
  isLive: (id: string) => Promise<boolean>,
): Promise<void> {
  const key = claimKey(output);
  for (;;) {
    if ((await redis.set(key, id, "EX", REMEMBER_CLAIM, "NX")) === "OK") return;
    const holder = await redis.get(key);
    if (holder === null) continue;
    if (holder !== id && (await isLive(holder))) {
      throw new DumpError(
        "OUTPUT_EXISTS",
        `the run ${holder} is to write it, from another input or with other options`,
        {
          file: output,
          cure: `Wait until it is over (\`coresieve jobs watch ${holder}\`), cancel it, or name another output`,
        },
      );
    }
    if ((await redis.eval(TAKE_OVER, 1, key, holder, id, REMEMBER_CLAIM)) === 1) return;
  }
}
