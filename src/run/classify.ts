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
import { classifyPages, type ScanPool } from "../worker/classify-pages.js";
import { type RunContext, WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Session } from "./own-session.js";

/** A dump's pages before any is dropped, and the part of a policy for which its struct pages can be trusted. */
export interface CheckedPlan {
  readonly plan: PagePlan;
  /** Without the facts that do not hold. */
  readonly view: KernelView | undefined;
  /** Without the classes that need such facts. */
  readonly policy: Policy;
}

/** The plan of all pages, and the part of the policy that the dump's memory confirms. */
export function checkedPlan({ dump, view, warnings }: Session, asked: Policy): CheckedPlan {
  const plan = initialPlan(dump, view);
  if (view === undefined) return { plan, view, policy: asked };
  return { plan, ...selfCheck(dump, view, asked, plan, warnings) };
}

/** What pass 1 needs. */
export interface ClassifyRun<P extends ScanPool = WorkerPool> {
  readonly dump: Dump;
  readonly view: KernelView;
  /** Pass 1 clears the bits of dropped pages, and counts them by class. */
  readonly plan: PagePlan;
  readonly policy: ScanPolicy;
  /** Makes a pool for a pass by a policy. */
  readonly poolOf: (policy: ScanPolicy) => P;
  /** Receives the class of each dropped page. It must be all zeros before. */
  readonly classes?: PageBytes | undefined;
  readonly warnings: Warnings;
  /** Called with the pfn that was reached. */
  readonly onProgress?: ((pfn: number) => void) | undefined;
}

/** The result of pass 1, in addition to the plan. */
export interface Classified<P extends ScanPool = WorkerPool> {
  /** The pool of the last pass. The caller ends it. */
  readonly pool: P;
  /** What was really dropped: without free pages, if their number differs from the kernel's own. */
  readonly policy: ScanPolicy;
  /** Pages that were kept (with `--privacy` dropped) because nothing could be found out about them. */
  readonly unclassified: number;
}

/**
 * Pass 1: gives each page its class and clears the pages in the plan that the policy drops. If the number of pages that
 * seem free differs from the kernel's counters, it starts again, and keeps them. `pool` is the pool of the first pass.
 * If this throws, no pool is left.
 */
export async function classify<P extends ScanPool>(
  run: ClassifyRun<P>,
  pool = run.poolOf(run.policy),
): Promise<Classified<P>> {
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

/** Drops pages that are free only according to the kernel's free lists, before struct pages are read. */
export function dropListed({
  dump,
  view,
  plan,
  classes,
  warnings,
}: Pick<ClassifyRun<ScanPool>, "dump" | "view" | "plan" | "classes" | "warnings">): void {
  const before = classes && copyOfBitmap(plan.kept);
  dropFreeLists(dump, view, plan, warnings);
  if (classes !== undefined && before !== undefined) markFree(classes, before, plan.kept);
}

/**
 * Gives the class FREE to the pages that are in the first bitmap but not in the second. All have the same stretches.
 */
function markFree({ bytes }: PageBytes, before: PageBitmap, after: PageBitmap): void {
  for (let i = 0; i < before.bytes.length; i++) {
    const gone = (before.bytes[i] as number) & ~(after.bytes[i] as number);
    for (let bit = 0; gone >>> bit !== 0; bit++) if (((gone >>> bit) & 1) !== 0) bytes[i * 8 + bit] = FREE;
  }
}

/** Makes pools that only classify: pages are not encoded. */
export function scanPools(
  dump: Dump,
  view: KernelView | undefined,
  kept: PageBitmap,
  { threads, signal, classes }: ScanPoolOptions,
): (policy: ScanPolicy) => WorkerPool {
  return (policy) => new WorkerPool(threads, scanContext(dump, view, kept, policy, classes), signal);
}

/** What the pools of `scanPools` need. */
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
