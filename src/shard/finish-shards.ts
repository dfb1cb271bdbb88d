import { DumpError } from "../errors.js";
import { placesIn } from "../reader/stretches.js";
import type { FilterResult } from "../run/filter-types.js";
import { collectGarbage } from "../store/collect-garbage.js";
import { inOrder } from "../worker/pool.js";
import type { DumpWriter } from "../writer/dump-writer.js";
import { KdumpWriter } from "../writer/kdump-writer.js";
import { createWriter } from "../writer/output-description.js";
import type { Sink } from "../writer/sink.js";
import { placeCheck, stretchOf } from "./left-shards.js";
import { readDone, type ShardDone } from "./shard-done.js";
import { kdumpLayoutOf } from "./shard-layout.js";
import type { FinishPlan } from "./shard-plan.js";
import type { Staging } from "./staging.js";

/** Records for which descriptors are made at once. */
const RECORDS = 1 << 16;
/**
 * Shards whose edges are read ahead: less than two parts each; reading them one after the other would cost some round
 * trips to a store.
 */
const AHEAD = 2;

/**
 * Writes the parts of an output that shards do not write: everything before the page data, the shards' edges, and what
 * comes last. Takes about 20 ns per kept page, and writing 24 bytes for it. Throws `CORRUPT` if a shard's work has
 * changed, or does not have the place and size of the plan.
 */
export async function finishShards(plan: FinishPlan, staging: Staging, sink: Sink): Promise<FilterResult> {
  // Whatever the whole plan had.
  if ("pieces" in plan.keptBits) collectGarbage(placesIn(plan.keptBits.stretches) / 8);
  const writer = await begun(plan, sink);
  let zeroPages = 0;
  const isPlaced = placeCheck(plan);
  const leavings = inOrder(
    plan.shards.entries(),
    async ([i, range]) => [i, range, await readDone(staging, plan, i)] as const,
    AHEAD,
  );
  for await (const [index, { startPfn, endPfn }, done] of leavings) {
    if (done === undefined) throw misplaced(staging, index, "is not done");
    if (!isPlaced(done))
      throw misplaced(staging, index, "is not at the offset, or not of the size, that the plan gives it");
    const stretch = stretchOf(plan, done);
    if (plan.output.elf === undefined) {
      await describe(done, (records) =>
        writer.add({ startPfn, endPfn, records, hashes: new Uint32Array(0), data: new Uint8Array(0) }),
      );
    }
    zeroPages += done.zeroPages;
    for (const { offset, bytes } of done.edges) {
      if (offset < stretch.start || offset + bytes.length > stretch.end) {
        throw misplaced(staging, index, "has left bytes of another place than its own");
      }
      await sink.write(bytes, offset);
    }
  }
  const outputBytes = await writer.end();
  await sink.finish(outputBytes);
  const { classes } = plan.result;
  return {
    ...plan.result,
    classes: { ...classes, kept: classes.kept - zeroPages, zero: classes.zero + zeroPages },
    outputBytes,
  };
}

/** A writer that has written what comes before the pages, and does not need it any more. */
async function begun(plan: FinishPlan, sink: Sink): Promise<DumpWriter> {
  const { output, exists, keptBits: kept } = plan;
  const writer =
    "pieces" in kept
      ? new KdumpWriter(sink, kdumpLayoutOf(plan), output, { exists, kept })
      : createWriter(output, { exists, kept }, sink);
  await writer.begin();
  return writer;
}

async function describe({ records }: ShardDone, add: (records: Uint32Array) => void | Promise<void>): Promise<void> {
  if (records === undefined) throw new Error("a shard of kdump output has no records");
  for (let at = 0; at < records.length; at += RECORDS) await add(records.subarray(at, at + RECORDS));
}

function misplaced(staging: Staging, index: number, what: string): DumpError {
  return new DumpError("CORRUPT", `shard ${index + 1} ${what}`, {
    file: staging.name,
    cure: "Retry the run, or submit the dump again: what is not as it should be is made again",
  });
}
