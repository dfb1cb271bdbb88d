import { marksFreePages } from "../filter/free-lists.js";
import { type ClassCounts, classCounts, KEPT } from "../filter/page-classes.js";
import { type PagePlan, withoutData } from "../filter/plan.js";
import type { Policy } from "../filter/policy.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";
import { classifyPages } from "../worker/classify-pages.js";
import type { WorkerThreads } from "../worker/threads.js";
import { dropListed, scanPools } from "./classify.js";

/** Pages of the machine for which the input has no data: an earlier filtering dropped them. */
export interface FilteredBefore {
  readonly pages: number;
  /**
   * Their classes according to their struct pages, for the classes that this run or the earlier one drops; `kept` are
   * the others.
   */
  readonly classes: ClassCounts;
}

/** The pages that exist but have no data, before a run drops any; `undefined` if there are none. */
export function pagesWithoutData(plan: PagePlan): PageBitmap | undefined {
  const { exists, kept, maxMapnr } = plan;
  return countBits(exists, 0, maxMapnr) === countBits(kept, 0, maxMapnr) ? undefined : withoutData(plan);
}

/** What `countFilteredBefore` needs. */
export interface FilteredRun {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly plan: PagePlan;
  readonly policy: Policy;
  readonly threads: WorkerThreads;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Counts the pages of `lost` by class. Most of their struct pages are in the dump; a separate pass reads them. Clears
 * bits of `lost`.
 */
export async function countFilteredBefore(lost: PageBitmap, run: FilteredRun): Promise<FilteredBefore> {
  const { dump, view, policy, threads, signal } = run;
  const pages = countBits(lost, 0, run.plan.maxMapnr);
  const dropped = run.plan.dropped.map(() => 0);
  const plan: PagePlan = { ...run.plan, kept: lost, inputPages: pages, beyondMemMap: 0, dropped };
  if (view !== undefined) {
    // Warnings of this pass are dropped: the pass over the existing pages has reported them already.
    const warnings = new Warnings();
    if (policy.free && !marksFreePages(view.layout)) dropListed({ dump, view, plan, warnings });
    const pool = scanPools(dump, view, lost, { threads, signal })(policy);
    try {
      await classifyPages(pool, plan, warnings, () => undefined);
    } finally {
      await pool.end();
    }
  }
  const counts = [...dropped];
  counts[KEPT] = pages - dropped.reduce((sum, count) => sum + count, 0);
  return { pages, classes: classCounts(counts) };
}
