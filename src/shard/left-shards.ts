import type { PlanPlace } from "./place.js";
import { readPlaces, type ShardPlace } from "./shard-done.js";
import { elfStretch, kdumpLayoutOf, type Stretch, shardOf } from "./shard-layout.js";
import type { FinishPlan } from "./shard-plan.js";

/** The range of the output that a shard's record claims. */
export function stretchOf(plan: FinishPlan, { index, start, size }: ShardPlace): Stretch {
  return plan.output.elf === undefined ? { start, end: start + size } : elfStretch(plan, index);
}

/**
 * Whether a shard's record is possible in this plan, wherever the shards before it end. For ELF output the plan
 * determines place and size.
 */
export function isPossible(plan: FinishPlan, { index, start, size, zeroPages }: ShardPlace): boolean {
  const { pages } = shardOf(plan, index);
  if (plan.output.elf === undefined) return zeroPages <= pages && start >= kdumpLayoutOf(plan).pagesAt;
  return zeroPages === 0 && size === pages * plan.pageSize && start === elfStretch(plan, index).start;
}

/** Makes a function that checks shards in their order: whether each has the place and the size that it must have. */
export function placeCheck(plan: FinishPlan): (done: ShardPlace) => boolean {
  const isElf = plan.output.elf !== undefined;
  let start = isElf ? undefined : kdumpLayoutOf(plan).pagesAt;
  let next = 0;
  return (done) => {
    // Behind a missing shard it is not known where the next one begins.
    if (done.index !== next) start = undefined;
    const isPlaced = isElf || start === undefined || done.start === start;
    next = done.index + 1;
    start = done.start + done.size;
    return isPlaced && isPossible(plan, done);
  };
}

/**
 * Shards whose work is missing for this plan: they have no record, or one for another plan, or another place or size,
 * or the output lacks their data. Whether the data are right is not checked here, but by a worker that finds the shard
 * done.
 */
export async function missingShards(plan: FinishPlan, place: PlanPlace): Promise<number[]> {
  const has = await place.has(plan);
  const isPlaced = placeCheck(plan);
  const missing: number[] = [];
  let index = 0;
  for await (const done of readPlaces(place.staging, plan.shards.length)) {
    if (done === undefined || !isPlaced(done) || !has(done)) missing.push(index);
    index++;
  }
  return missing;
}
