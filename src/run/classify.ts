import { dropFreeLists, marksFreePages } from "../filter/free-lists.js";
import { FREE } from "../filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "../filter/plan.js";
import type { Policy, ScanPolicy } from "../filter/policy.js";
import { droppedButNeeded } from "../filter/self-check/kept-by-need.js";
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
  /** What was really dropped: without free pages, if their number differs from the kernel's own; without needed pages. */
  readonly policy: ScanPolicy;
  /** Pages that were kept (with `--privacy` dropped) because nothing could be found out about them. */
  readonly unclassified: number;
}

/**
 * Pass 1: gives each page its class and clears the pages in the plan that the policy drops. If the number of pages that
 * seem free differs from the kernel's counters, or if pages are among them that each reader needs, it starts again, and
 * keeps these. `pool` is the pool of the first pass. If this throws, no pool is left.
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
    const doubts = await classifyPages(current, plan, warnings, done, policy, classes);
    const unclassified = doubts.unreadable + doubts.withoutStructPage;
    const lookedAt = plan.inputPages - plan.beyondMemMap - unclassified;
    const free = plan.dropped[FREE] as number;
    const freeIsRight = !policy.free || !byMark || checkFreeCount(dump, view, free, lookedAt, warnings);
    const needed = droppedButNeeded(dump, view, plan, warnings, policy.privacy);
    if (freeIsRight && needed === undefined) return { pool, policy, unclassified };
    resetPlan(dump, plan);
    classes?.bytes.fill(0);
    await current.end();
    const corrected = { ...policy, ...(!freeIsRight && { free: false }), ...(needed && { needed }) };
    current = run.poolOf(corrected);
    if (corrected.free && !byMark) dropListed({ ...run, warnings: new Warnings(), needed });
    await classifyPages(current, plan, new Warnings(), done, corrected, classes);
    return { pool: current, policy: corrected, unclassified };
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
  needed,
}: Pick<ClassifyRun<ScanPool>, "dump" | "view" | "plan" | "classes" | "warnings"> & {
  readonly needed?: PageBitmap | undefined;
}): void {
  const before = (classes ?? needed) && copyOfBitmap(plan.kept);
  dropFreeLists(dump, view, plan, warnings);
  if (before !== undefined && needed !== undefined) takeBackFree(plan, before, needed);
  if (classes !== undefined && before !== undefined) markFree(classes, before, plan.kept);
}

/** Keeps needed pages that were dropped as free. All bitmaps have the same stretches. */
function takeBackFree({ kept, dropped }: PagePlan, before: PageBitmap, needed: PageBitmap): void {
  let count = 0;
  for (let i = 0; i < kept.bytes.length; i++) {
    let back = (before.bytes[i] as number) & ~(kept.bytes[i] as number) & (needed.bytes[i] as number);
    kept.bytes[i] = (kept.bytes[i] as number) | back;
    for (; back !== 0; back &= back - 1) count++;
  }
  dropped[FREE] = (dropped[FREE] as number) - count;
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
