import type { PlanPlace } from "./place.js";
import { readPlaces, type ShardPlace } from "./shard-done.js";
import { elfStretch, kdumpLayoutOf, type Stretch, shardOf } from "./shard-layout.js";
import type { ShardPlan } from "./shard-plan.js";

/** The stretch of the output that a shard said it has. */
export function stretchOf(plan: ShardPlan, { index, start, size }: ShardPlace): Stretch {
  return plan.output.elf === undefined ? { start, end: start + size } : elfStretch(plan, index);
}

/** Whether a shard of this plan can be as it says, wherever those before it end. Of ELF output the plan gives place and size. */
export function isPossible(plan: ShardPlan, { index, start, size, zeroPages }: ShardPlace): boolean {
  const { pages } = shardOf(plan, index);
  if (plan.output.elf === undefined) return zeroPages <= pages && start >= kdumpLayoutOf(plan).pagesAt;
  return zeroPages === 0 && size === pages * plan.pageSize && start === elfStretch(plan, index).start;
}

/** Follows shards in their order: whether each has the place and the size that it must have. */
export function placeCheck(plan: ShardPlan): (done: ShardPlace) => boolean {
  const isElf = plan.output.elf !== undefined;
  let start = isElf ? undefined : kdumpLayoutOf(plan).pagesAt;
  let next = 0;
  return (done) => {
    // Behind one that is missing nobody knows where the next begins.
    if (done.index !== next) start = undefined;
    const isPlaced = isElf || start === undefined || done.start === start;
    next = done.index + 1;
    start = done.start + done.size;
    return isPlaced && isPossible(plan, done);
  };
}

/**
 * Shards whose work is not there as this plan needs it: that said nothing, said it for another plan, have another place or size, or whose data
 * the output lacks. That those data are the right ones is looked at by who finds a shard done, and not here.
 */
export async function missingShards(plan: ShardPlan, place: PlanPlace): Promise<number[]> {
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
