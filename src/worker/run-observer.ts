import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import type { Dump } from "../reader/dump.js";

/** Watches a filter run. Both methods are called in the main thread; a run without an observer has no cost. */
export interface RunObserver {
  /** Called between pass 1 and pass 2; if several levels are tried, for each. */
  begin(dump: Dump, view: KernelView | undefined, plan: PagePlan): void;
  /**
   * The kept pages of [startPfn, endPfn) are written; a record of each (see page-record.ts), valid until the call returns.
   * Ranges come in ascending order.
   */
  pages(startPfn: number, endPfn: number, records: Uint32Array): void;
}
