import { findBit, type PageBitmap } from "../reader/bitmap.js";
import type { BitmapPieces } from "../reader/bitmap-pieces.js";
import { type PartPlan, partPlan } from "../store/part-plan.js";
import { type ElfLayout, elfPageAt, elfRuns } from "../writer/elf-layout.js";
import type { KdumpLayout } from "../writer/kdump-layout.js";
import { layoutOf, type OutputLayout } from "../writer/output-description.js";
import type { FinishPlan, ShardPlan, ShardRange } from "./shard-plan.js";

/** A range [start, end) of a file, in bytes. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Cached by plan: making a layout reads the whole bitmap, and it is needed for each shard and each part. */
const layouts = new WeakMap<FinishPlan, OutputLayout>();
const stretches = new WeakMap<FinishPlan, readonly Stretch[]>();

function shardLayout(plan: FinishPlan): OutputLayout {
  const layout = layouts.get(plan) ?? layoutOf(plan.output, bitsOf(plan));
  layouts.set(plan, layout);
  return layout;
}

function bitsOf({ keptBits }: FinishPlan): PageBitmap {
  if ("pieces" in keptBits) throw new Error("the bitmap of kept pages is in the staging only");
  return keptBits;
}

/** The same plan of kdump output with its bitmap in pieces; its layout needs the whole one. */
export function withPieces(plan: ShardPlan, keptBits: BitmapPieces): FinishPlan {
  const same = { ...plan, keptBits };
  layouts.set(same, kdumpLayoutOf(plan));
  return same;
}

/** The layout of a plan of kdump output. */
export function kdumpLayoutOf(plan: FinishPlan): KdumpLayout {
  const layout = shardLayout(plan);
  if (layout.format !== "kdump") throw new Error("the output is no kdump file");
  return layout;
}

/** The layout of a plan of ELF output. */
export function elfLayoutOf(plan: FinishPlan): ElfLayout {
  const layout = shardLayout(plan);
  if (layout.format !== "elf") throw new Error("the output is no ELF file");
  return layout;
}

export function shardOf({ shards }: FinishPlan, index: number): ShardRange {
  const shard = shards[index];
  if (shard === undefined) throw new Error(`there is no shard ${index}`);
  return shard;
}

/** The range of ELF output that contains a shard's pages. */
export function elfStretch(plan: FinishPlan, index: number): Stretch {
  const known = stretches.get(plan) ?? allStretches(plan);
  stretches.set(plan, known);
  return known[index] as Stretch;
}

function allStretches(plan: FinishPlan): readonly Stretch[] {
  const layout = elfLayoutOf(plan);
  const bits = bitsOf(plan);
  return plan.shards.map(({ startPfn, endPfn }) => {
    const first = findBit(bits, startPfn, endPfn, true);
    if (first === endPfn) return { start: 0, end: 0 };
    let last = endPfn - 1;
    while (findBit(bits, last, last + 1, true) > last) last--;
    return { start: elfPageAt(layout, first), end: elfPageAt(layout, last) + plan.pageSize };
  });
}

/**
 * Where the page data of a shard are in the file, ascending: ELF output has holes between them. `start` and `size` are
 * used for kdump output.
 */
export function* dataStretches(plan: FinishPlan, index: number, start: number, size: number): Generator<Stretch> {
  if (plan.output.elf === undefined) {
    if (size > 0) yield { start, end: start + size };
    return;
  }
  const { startPfn, endPfn } = shardOf(plan, index);
  for (const run of elfRuns(elfLayoutOf(plan), bitsOf(plan), startPfn, endPfn)) {
    yield { start: run.offset, end: run.offset + (run.endPfn - run.startPfn) * plan.pageSize };
  }
}

/**
 * How a run's output is cut into parts: like that of a single run, by the most bytes that it may have. All hosts cut it
 * the same way, so a part's number determines its place, and there are never more than 10,000.
 */
export function partsOf(plan: FinishPlan): PartPlan {
  return partPlan(shardLayout(plan).mostBytes);
}
