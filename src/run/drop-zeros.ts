import { ZERO } from "../filter/page-classes.js";
import type { PagePlan } from "../filter/plan.js";
import { keptRanges } from "../worker/chunks.js";
import { inOrder, type WorkerPool } from "../worker/pool.js";

/**
 * Removes pages of zeros from the plan, for a format that has no other way to leave them out. `done` gets the pfn that
 * was reached.
 */
export async function dropZeros(
  pool: WorkerPool,
  plan: Pick<PagePlan, "kept" | "maxMapnr" | "dropped">,
  done: (pfn: number) => void = () => undefined,
): Promise<void> {
  const ranges = pool.readAhead.pages(keptRanges(plan.kept, plan.maxMapnr, pool.layout.pages));
  const run = async (range: { startPfn: number; endPfn: number }) => {
    const slot = await pool.slots.borrow();
    const result = await pool.zeros({ ...range, slot });
    pool.slots.giveBack(slot);
    return { zeroPages: result.zeroPages, endPfn: range.endPfn };
  };
  for await (const { zeroPages, endPfn } of inOrder(ranges, run, pool.inFlight)) {
    plan.dropped[ZERO] = (plan.dropped[ZERO] as number) + zeroPages;
    done(endPfn);
  }
}
