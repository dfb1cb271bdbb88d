import type { PagePlan } from "../filter/plan.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { Warnings } from "../warnings.js";
import { keptRanges } from "./chunks.js";
import { inOrder, type WorkerPool } from "./pool.js";
import type { CheckResult, PageFault } from "./tasks.js";

/** Pages of a task: 16 MiB or so; results are only numbers. */
const CHECK_PAGES = 4096;
/** The most faults that are returned in detail. */
const MAX_FAULTS = 1000;

/** The result of checking all pages. */
export interface CheckedPages {
  readonly pages: number;
  readonly unreadable: number;
  /** Pages that were read and are all zeros. */
  readonly zeros: number;
  readonly faults: readonly PageFault[];
}

/**
 * Reads all pages whose bit is set in the pool's bitmap, and clears the bits of those that cannot be read or decoded.
 * `done` is called with the number of pages read since the last call.
 */
export async function checkDump(
  pool: WorkerPool,
  kept: PageBitmap,
  maxMapnr: number,
  done: (pages: number) => void,
): Promise<CheckedPages> {
  const faults: PageFault[] = [];
  let pages = 0;
  let unreadable = 0;
  let zeros = 0;
  const check = (range: { startPfn: number; endPfn: number }): Promise<CheckResult> => pool.check(range);
  const tasks = pool.readAhead.pages(keptRanges(kept, maxMapnr, CHECK_PAGES));
  for await (const result of inOrder(tasks, check, pool.inFlight)) {
    pages += result.pages;
    unreadable += result.unreadable;
    zeros += result.zeros;
    for (const fault of result.faults) if (faults.length < MAX_FAULTS) faults.push(fault);
    done(result.pages);
  }
  return { pages, unreadable, zeros, faults };
}

/** Removes pages that cannot be read from the plan of a damaged dump. Returns how many there are. */
export async function dropUnreadable(
  pool: WorkerPool,
  plan: PagePlan,
  warnings: Warnings,
  done: (pages: number, of: number) => void,
): Promise<number> {
  const total = countBits(plan.kept, 0, plan.maxMapnr);
  let pages = 0;
  const more = (read: number) => {
    pages += read;
    done(pages, total);
  };
  const { unreadable, faults } = await checkDump(pool, plan.kept, plan.maxMapnr, more);
  const first = faults[0];
  if (first !== undefined) warnings.add("BAD_PAGES", `pages are left out; the first: ${first.message}`, unreadable);
  return unreadable;
}
