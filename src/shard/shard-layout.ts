import { findBit } from "../reader/bitmap.js";
import { type PartPlan, partPlan } from "../store/part-plan.js";
import { type ElfLayout, elfPageAt, elfRuns } from "../writer/elf-layout.js";
import type { KdumpLayout } from "../writer/kdump-layout.js";
import { layoutOf, type OutputLayout } from "../writer/output-description.js";
import type { ShardPlan, ShardRange } from "./shard-plan.js";

/** A range [start, end) of a file, in bytes. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Cached by plan: making a layout reads the whole bitmap, and it is needed for each shard and each part. */
const layouts = new WeakMap<ShardPlan, OutputLayout>();
const stretches = new WeakMap<ShardPlan, readonly Stretch[]>();

function shardLayout(plan: ShardPlan): OutputLayout {
  const layout = layouts.get(plan) ?? layoutOf(plan.output, plan.keptBits);
  layouts.set(plan, layout);
  return layout;
}

/** The layout of a plan of kdump output. */
export function kdumpLayoutOf(plan: ShardPlan): KdumpLayout {
  const layout = shardLayout(plan);
  if (layout.format !== "kdump") throw new Error("the output is no kdump file");
  return layout;
}

/** The layout of a plan of ELF output. */
export function elfLayoutOf(plan: ShardPlan): ElfLayout {
  const layout = shardLayout(plan);
  if (layout.format !== "elf") throw new Error("the output is no ELF file");
  return layout;
}

export function shardOf({ shards }: ShardPlan, index: number): ShardRange {
  const shard = shards[index];
  if (shard === undefined) throw new Error(`there is no shard ${index}`);
  return shard;
}

/** The range of ELF output that contains a shard's pages. */
export function elfStretch(plan: ShardPlan, index: number): Stretch {
  const known = stretches.get(plan) ?? allStretches(plan);
  stretches.set(plan, known);
  return known[index] as Stretch;
}

function allStretches(plan: ShardPlan): readonly Stretch[] {
  const layout = elfLayoutOf(plan);
  return plan.shards.map(({ startPfn, endPfn }) => {
    const first = findBit(plan.keptBits, startPfn, endPfn, true);
    if (first === endPfn) return { start: 0, end: 0 };
    let last = endPfn - 1;
    while (findBit(plan.keptBits, last, last + 1, true) > last) last--;
    return { start: elfPageAt(layout, first), end: elfPageAt(layout, last) + plan.pageSize };
  });
}

/**
 * Where the page data of a shard are in the file, ascending: ELF output has holes between them. `start` and `size` are
 * used for kdump output.
 */
export function* dataStretches(plan: ShardPlan, index: number, start: number, size: number): Generator<Stretch> {
  if (plan.output.elf === undefined) {
    if (size > 0) yield { start, end: start + size };
    return;
  }
  const { startPfn, endPfn } = shardOf(plan, index);
  for (const run of elfRuns(elfLayoutOf(plan), plan.keptBits, startPfn, endPfn)) {
    yield { start: run.offset, end: run.offset + (run.endPfn - run.startPfn) * plan.pageSize };
  }
}

/**
 * How a run's output is cut into parts: like that of a single run, by the most bytes that it may have. All hosts cut it
 * the same way, so a part's number determines its place, and there are never more than 10,000.
 */
export function partsOf(plan: ShardPlan): PartPlan {
  return partPlan(shardLayout(plan).mostBytes);
}
