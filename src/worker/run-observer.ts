import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import type { Dump } from "../reader/dump.js";

/** Looks on while a dump is filtered. Both are called in the main thread; a run without one pays nothing. */
export interface RunObserver {
  /** Pass 1 is over, pass 2 begins. With several levels to try it is called for each. */
  begin(dump: Dump, view: KernelView | undefined, plan: PagePlan): void;
  /**
   * The kept pages of [startPfn, endPfn) are written; a record of each (see page-record.ts), valid until the call returns.
   * Ranges come in ascending order.
   */
  pages(startPfn: number, endPfn: number, records: Uint32Array): void;
}
