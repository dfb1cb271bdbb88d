import type { PagePlan } from "../filter/plan.js";
import type { ScanPolicy } from "../filter/policy.js";
import { clearBits, findBit, type PageBitmap } from "../reader/bitmap.js";
import { fillPageBytes, type PageBytes } from "../reader/page-bytes.js";
import type { PfnRange } from "../reader/pfn-range.js";
import type { Warnings } from "../warnings.js";
import { evenRanges } from "./chunks.js";
import { inOrder, type WorkerPool } from "./pool.js";
import type { ScanResult } from "./tasks.js";

/** What pass 1 needs of a pool. */
export type ScanPool = Pick<WorkerPool, "scan" | "expect" | "end" | "inFlight" | "readAhead">;

/** Pages per task of pass 1: a few milliseconds of work, and no buddy block crosses a border. */
export const SCAN_PAGES = 2 ** 17;

/**
 * With `--privacy` the main thread gives out no tasks while it searches for private data: larger ones, so that the
 * threads' first ones are enough.
 */
const PRIVATE_SCAN_PAGES = 8 * SCAN_PAGES;

/** Scan tasks need no slots. So many are in flight that the main thread finds some to do while the threads start. */
const IN_FLIGHT = 32;

/** Pages that pass 1 could not classify. */
export interface ScanDoubts {
  /** Pages whose struct page could not be read: kept, or dropped with privacy. */
  readonly unreadable: number;
  /** Pages in sections without a mem_map: kept, or dropped with privacy. */
  readonly withoutStructPage: number;
}

/**
 * Pass 1: classifies all pages in the pool and clears the bits of those to drop. `done` is called with the pfn that has
 * been reached. Pages that cannot be classified are kept, or dropped with a privacy policy; the policy is the pool's.
 * `classes` as in `ScanContext`.
 */
export async function classifyPages(
  pool: ScanPool,
  plan: PagePlan,
  warnings: Warnings,
  done: (pfn: number) => void,
  { privacy, needed }: Pick<ScanPolicy, "privacy" | "needed"> = {},
  classes?: PageBytes,
): Promise<ScanDoubts> {
  const rest: NonNullable<ScanResult["rest"]>[] = [];
  let unreadable = 0;
  let withoutStructPage = 0;
  let badOrders = 0;
  const pages = privacy !== undefined ? PRIVATE_SCAN_PAGES : SCAN_PAGES;
  pool.expect(plan.maxMapnr / pages);
  const tasks = pool.readAhead.structPages(evenRanges(plan.kept, plan.maxMapnr, pages));
  const run = async (range: PfnRange) => {
    return { result: await pool.scan(range), endPfn: range.endPfn };
  };
  for await (const { result, endPfn } of inOrder(tasks, run, Math.max(IN_FLIGHT, pool.inFlight))) {
    for (let i = 0; i < plan.dropped.length; i++) {
      plan.dropped[i] = (plan.dropped[i] as number) + (result.dropped[i] as number);
    }
    unreadable += result.unreadable;
    withoutStructPage += result.withoutStructPage;
    badOrders += result.badOrders;
    if (result.rest !== undefined) rest.push(result.rest);
    done(endPfn);
  }
  // Blocks that reach into the next task's pages (huge pages of 1 GiB): pages there that are still kept are dropped
  // here.
  for (const { startPfn, endPfn, pageClass } of rest) {
    for (const part of otherPages(needed, startPfn, Math.min(endPfn, plan.maxMapnr))) {
      const cleared = clearBits(plan.kept, part.startPfn, part.endPfn);
      if (classes !== undefined) fillPageBytes(classes, pageClass, part.startPfn, part.endPfn);
      plan.dropped[pageClass] = (plan.dropped[pageClass] as number) + cleared;
    }
  }
  const fate = privacy !== undefined ? "dropped" : "kept";
  if (unreadable > 0) {
    warnings.add("MEM_MAP_UNREADABLE", `the struct page of some pages cannot be read; they are ${fate}`, unreadable);
  }
  if (badOrders > 0) warnings.add("FREE_ORDER", `free pages have an impossible order; they are ${fate}`, badOrders);
  return { unreadable, withoutStructPage };
}

/** The pages [startPfn, endPfn) without those that are needed. */
export function* otherPages(
  needed: PageBitmap | undefined,
  startPfn: number,
  endPfn: number,
): Generator<PfnRange, void, undefined> {
  if (needed === undefined) return yield { startPfn, endPfn };
  for (let pfn = startPfn; pfn < endPfn; ) {
    const start = findBit(needed, pfn, endPfn, false);
    pfn = findBit(needed, start, endPfn, true);
    if (start < pfn) yield { startPfn: start, endPfn: pfn };
  }
}
