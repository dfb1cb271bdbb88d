import { dropFreeLists, marksFreePages } from "../filter/free-lists.js";
import { FREE } from "../filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "../filter/plan.js";
import type { Policy, ScanPolicy } from "../filter/policy.js";
import { checkFreeCount, selfCheck } from "../filter/self-check/self-check.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { copyOfBitmap, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { PageBytes } from "../reader/page-bytes.js";
import { Warnings } from "../warnings.js";
import { classifyPages } from "../worker/classify-pages.js";
import { type RunContext, WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Session } from "./own-session.js";

/** A dump's pages before any is dropped, and what of a policy can be believed of its struct pages. */
export interface CheckedPlan {
  readonly plan: PagePlan;
  /** Without the facts that do not hold. */
  readonly view: KernelView | undefined;
  /** Without the classes that need such facts. */
  readonly policy: Policy;
}

/** The plan of all pages, and the policy as far as the dump's memory bears it out. */
export function checkedPlan({ dump, view, warnings }: Session, asked: Policy): CheckedPlan {
  const plan = initialPlan(dump, view);
  if (view === undefined) return { plan, view, policy: asked };
  return { plan, ...selfCheck(dump, view, asked, plan, warnings) };
}

/** What pass 1 works on. */
export interface ClassifyRun {
  readonly dump: Dump;
  readonly view: KernelView;
  /** Bits of what is dropped are cleared, and counted by class. */
  readonly plan: PagePlan;
  readonly policy: ScanPolicy;
  /** Makes a pool for a pass by a policy. */
  readonly poolOf: (policy: ScanPolicy) => WorkerPool;
  /** Is given the class of each page that is dropped. Zeros. */
  readonly classes?: PageBytes | undefined;
  readonly warnings: Warnings;
  /** Told how far it is, as a pfn. */
  readonly onProgress?: ((pfn: number) => void) | undefined;
}

/** What pass 1 has done, beside the plan. */
export interface Classified {
  /** The pool of the last pass. The caller ends it. */
  readonly pool: WorkerPool;
  /** What was dropped in the end: free pages not, where their number is not the kernel's own. */
  readonly policy: ScanPolicy;
  /** Pages kept (with `--privacy` dropped) because nothing could be found out about them. */
  readonly unclassified: number;
}

/**
 * Pass 1: gives each page its class and clears those in the plan that the policy drops; once more, from the start, where the
 * number of pages that seem free is not what the kernel counts. `pool` is the first pass's. If it throws no pool is left.
 */
export async function classify(run: ClassifyRun, pool = run.poolOf(run.policy)): Promise<Classified> {
  const { dump, view, plan, policy, classes, warnings } = run;
  const done = run.onProgress ?? (() => undefined);
  let current = pool;
  try {
    done(0);
    const byMark = marksFreePages(view.layout);
    if (policy.free && !byMark) dropListed(run);
    const privacy = policy.privacy !== undefined;
    const doubts = await classifyPages(current, plan, warnings, done, privacy, classes);
    const unclassified = doubts.unreadable + doubts.withoutStructPage;
    const lookedAt = plan.inputPages - plan.beyondMemMap - unclassified;
    const free = plan.dropped[FREE] as number;
    if (!policy.free || !byMark || checkFreeCount(dump, view, free, lookedAt, warnings)) {
      return { pool, policy, unclassified };
    }
    resetPlan(dump, plan);
    classes?.bytes.fill(0);
    await current.end();
    const keepsFree = { ...policy, free: false };
    current = run.poolOf(keepsFree);
    await classifyPages(current, plan, new Warnings(), done, privacy, classes);
    return { pool: current, policy: keepsFree, unclassified };
  } catch (error) {
    await current.end();
    throw error;
  }
}

/** Drops what only the kernel's free lists tell to be free, before the struct pages are asked. */
export function dropListed({
  dump,
  view,
  plan,
  classes,
  warnings,
}: Pick<ClassifyRun, "dump" | "view" | "plan" | "classes" | "warnings">): void {
  const before = classes && copyOfBitmap(plan.kept);
  dropFreeLists(dump, view, plan, warnings);
  if (classes !== undefined && before !== undefined) markFree(classes, before, plan.kept);
}

/** Gives the pages that one bitmap has and the other lacks the class FREE. All are of the same stretches. */
function markFree({ bytes }: PageBytes, before: PageBitmap, after: PageBitmap): void {
  for (let i = 0; i < before.bytes.length; i++) {
    const gone = (before.bytes[i] as number) & ~(after.bytes[i] as number);
    for (let bit = 0; gone >>> bit !== 0; bit++) if (((gone >>> bit) & 1) !== 0) bytes[i * 8 + bit] = FREE;
  }
}

/** What a pool needs that does nothing but classify: its pages are not encoded. */
export function scanPools(
  dump: Dump,
  view: KernelView | undefined,
  kept: PageBitmap,
  { threads, signal, classes }: ScanPoolOptions,
): (policy: ScanPolicy) => WorkerPool {
  return (policy) => new WorkerPool(threads, scanContext(dump, view, kept, policy, classes), signal);
}

/** What the pools of `scanPools` run on. */
export interface ScanPoolOptions {
  readonly threads: WorkerThreads;
  readonly signal?: AbortSignal | undefined;
  readonly classes?: PageBytes | undefined;
}

function scanContext(
  dump: Dump,
  view: KernelView | undefined,
  kept: PageBitmap,
  policy: ScanPolicy,
  classes: PageBytes | undefined,
): RunContext {
  const kernel = view && {
    ...{ space: view.space, memMap: view.memMap, pageLayout: view.layout, policy },
    ...(classes && { classes }),
  };
  const { image, pageSize } = dump;
  return { image, pageSize, kept, kernel, codec: { name: "none", level: undefined }, dedupe: false };
}
