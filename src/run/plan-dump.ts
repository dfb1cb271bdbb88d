import { DumpError } from "../errors.js";
import { eraseRequest, eraseRun } from "../filter/erase/erase-run.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import { dropFreeLists, marksFreePages } from "../filter/free-lists.js";
import { classCounts, FREE, KEPT, ZERO } from "../filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "../filter/plan.js";
import { needsStructPages, policyOfLevel, type ScanPolicy } from "../filter/policy.js";
import { type PrivateRun, privateRun } from "../filter/privacy/private-run.js";
import { privacyExtras } from "../filter/privacy/scrub.js";
import type { StackTops } from "../filter/privacy/stack-tops.js";
import { checkFreeCount, selfCheck } from "../filter/self-check/self-check.js";
import { completeDump } from "../kernel/complete-dump.js";
import { type KernelView, kernelView } from "../kernel/kernel-view.js";
import { countBits } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";
import { dropUnreadable } from "../worker/check-dump.js";
import { keptRanges } from "../worker/chunks.js";
import { classifyPages } from "../worker/classify-pages.js";
import { type ExtensionRun, extensionRun, markFree } from "../worker/extension/extend-dump.js";
import { inOrder, type RunContext, WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { FilterOptions, FilterProgress, FilterResult } from "./filter-types.js";

/** What pass 2 has done, beside what the plan says. */
export interface WrittenPages {
  /** Pages of zeros among those that were kept, which have no bytes. */
  readonly zeroPages: number;
  readonly outputBytes: number;
}

/** A dump between its passes: which pages go into the output, and all that pass 2 needs to write them. */
export interface PlannedDump {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  /** Level of the output: that of the input's earlier filterings included. */
  readonly level: number;
  readonly plan: PagePlan;
  /** Pages that go into the output. */
  readonly kept: number;
  /** Whether pages of zeros among them have no bytes of their own. */
  readonly dropsZeros: boolean;
  /** The dump and its kernel as the output describes them. */
  readonly described: Dump;
  readonly shown: KernelView | undefined;
  /** The output lacks pages that it should have. */
  readonly incomplete: boolean;
  /** What is overwritten in pages that stay. */
  readonly erase: readonly EraseSpans[];
  readonly stackTops: StackTops | undefined;
  /** Its tasks are those of this dump; the caller ends it. */
  readonly pool: WorkerPool;
  /** The account of the whole run, when pass 2 is over. */
  result(written: WrittenPages): FilterResult;
}

/** A dump as its reader completes it from its memory. Throws what `completeDump` does. */
export function completedDump(input: Dump, options: FilterOptions): Dump {
  return completeDump(input, options.warnings ?? new Warnings(), options);
}

/**
 * Pass 1 and what belongs between the passes: finds which pages of a completed dump go into the output. The output itself
 * is not touched. Throws `DumpError`s.
 */
export async function planDump(dump: Dump, options: FilterOptions, threads: WorkerThreads): Promise<PlannedDump> {
  const warnings = options.warnings ?? new Warnings();
  const level = options.level | dump.header.dumpLevel;
  const asked = policyOfLevel(options.level);
  const extras = options.privacyExtra?.length ? privacyExtras(options.privacyExtra) : [];
  const request = options.erase && eraseRequest(options.erase);
  const found = findView(dump, options.level, warnings);
  const plan = initialPlan(dump, found);
  const { view, policy: usable } =
    found === undefined ? { view: found, policy: asked } : selfCheck(dump, found, asked, plan, warnings);
  const secret = options.privacy
    ? privateRun(dump, view, usable, { extras, vmlinux: options.vmlinux }, warnings)
    : undefined;
  const policy = secret?.policy ?? usable;
  const erase = request && eraseRun(request, dump, view, options.vmlinux, warnings);
  const extension = options.extension && extensionRun(options.extension, dump, view, plan, options);
  const spans = [...(erase?.spans ?? []), ...(secret?.spans ?? [])];
  const context = (used: ScanPolicy) => runContext({ dump, view, plan, spans, secret, extension }, used, options);
  let pool = new WorkerPool(threads, context(policy), options.signal);
  try {
    await extension?.begin(pool);
    const total = plan.maxMapnr;
    const report = (phase: FilterProgress["phase"], done: number, of: number) =>
      options.onProgress?.({ phase, done, total: of });
    let unclassified = 0;
    if (view !== undefined) {
      const again = () => {
        pool = new WorkerPool(threads, context({ ...policy, free: false }), options.signal);
        return pool;
      };
      const done = (pfn: number) => report("classify", pfn, total);
      unclassified = await classifyAll(
        { dump, view, policy, plan, pool, again, extension, warnings, done },
        options.privacy,
      );
    }
    const extended = await extension?.decide(pool, (pfn) => report("extend", pfn, total));
    const unreadable = dump.image.tolerant ? await dropUnreadable(pool, plan, warnings, reportCheck(options)) : 0;
    const incomplete = dump.header.incomplete || unreadable > 0;
    const erased = erase?.result(plan);
    if (options.format === "elf" && policy.zero) await dropZeros(pool, plan, (pfn) => report("zero", pfn, total));
    const kept = countBits(plan.kept, 0, plan.maxMapnr);
    if (kept === 0 && incomplete) throw nothingLeft(dump);
    const described = secret?.dump ?? dump;
    return {
      ...{ dump, view, level, plan, kept, incomplete, pool },
      dropsZeros: options.format === "kdump" && (level & 1) !== 0,
      described: erase?.describe(described) ?? described,
      shown: view && erase ? erase.view(view) : view,
      erase: spans,
      stackTops: secret?.stackTops,
      result({ zeroPages, outputBytes }) {
        const counts = [...plan.dropped];
        counts[ZERO] = (counts[ZERO] as number) + zeroPages;
        counts[KEPT] = kept - zeroPages;
        return {
          kernelRelease: view?.utsname.release ?? dump.vmcoreinfo?.osrelease,
          memoryModel: view?.memMap.model,
          arch: dump.machine.arch,
          pageSize: dump.pageSize,
          level,
          maxMapnr: plan.maxMapnr,
          inputPages: plan.inputPages,
          classes: classCounts(counts, options.privacy, extended !== undefined),
          ...(secret === undefined ? {} : { privacy: secret.result(counts, plan) }),
          ...(erased === undefined ? {} : { erase: erased }),
          ...(extended === undefined ? {} : { extension: extended }),
          ...{ beyondMemMap: plan.beyondMemMap, unclassified, unreadable, incomplete },
          ...{ notWritten: 0, full: undefined, shared: undefined },
          inputBytes: dump.fileSize,
          outputBytes,
          warnings: warnings.list,
        };
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** What pass 1 works on. */
interface Pass1 {
  readonly dump: Dump;
  readonly view: KernelView;
  readonly policy: ScanPolicy;
  readonly plan: PagePlan;
  readonly pool: WorkerPool;
  /** The pool of a second try, which keeps free pages. */
  readonly again: () => WorkerPool;
  readonly extension: ExtensionRun | undefined;
  readonly warnings: Warnings;
  readonly done: (pfn: number) => void;
}

/** Pass 1; once more, from the start, if free pages turn out not to be told. Returns how many pages have no class. */
async function classifyAll(
  { dump, view, policy, plan, pool, again, extension, warnings, done }: Pass1,
  privacy: boolean | undefined,
): Promise<number> {
  done(0);
  const byMark = marksFreePages(view.layout);
  if (policy.free && !byMark) dropFreeLists(dump, view, plan, warnings);
  if (extension !== undefined) markFree(extension.context, plan.kept);
  const classes = extension?.context.classes;
  const doubts = await classifyPages(pool, plan, warnings, done, privacy, classes);
  const unclassified = doubts.unreadable + doubts.withoutStructPage;
  const free = plan.dropped[FREE] as number;
  const lookedAt = plan.inputPages - plan.beyondMemMap - unclassified;
  if (!policy.free || !byMark || checkFreeCount(dump, view, free, lookedAt, warnings)) return unclassified;
  resetPlan(dump, plan);
  await pool.end();
  classes?.bytes.fill(0);
  await classifyPages(again(), plan, new Warnings(), done, privacy, classes);
  return unclassified;
}

/** What the tasks of a run work by. */
interface RunParts {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly plan: PagePlan;
  readonly spans: readonly EraseSpans[];
  readonly secret: PrivateRun | undefined;
  readonly extension: ExtensionRun | undefined;
}

function runContext(
  { dump, view, plan, spans, secret, extension }: RunParts,
  policy: ScanPolicy,
  { codec, dedupe = false }: FilterOptions,
): RunContext {
  const classes = extension && { classes: extension.context.classes };
  const kernel = view && { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy, ...classes };
  return {
    image: dump.image,
    pageSize: dump.pageSize,
    kept: plan.kept,
    kernel,
    codec,
    dedupe,
    ...(extension && { extension: extension.context }),
    erase: spans,
    ...(secret?.stackTops && { stackTops: secret.stackTops }),
  };
}

/** Levels 0 and 1 do without struct pages where they must; then pages with memory errors cannot be told. */
function findView(dump: Dump, level: number, warnings: Warnings): KernelView | undefined {
  try {
    return kernelView(dump, warnings);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER" || needsStructPages(level)) throw error;
    warnings.add(
      "NO_KERNEL_VIEW",
      `${error.message.replace(/\. Levels 0 and 1.*/, "")}; pages with memory errors and offline pages are kept`,
    );
    return undefined;
  }
}

const reportCheck =
  ({ onProgress }: FilterOptions) =>
  (done: number, total: number) =>
    onProgress?.({ phase: "check", done, total });

function nothingLeft(dump: Dump): DumpError {
  return new DumpError("TRUNCATED", "no page of its memory can be read", {
    file: dump.paths[0] ?? "",
    cure: "`coresieve info --salvage` says what its headers tell; copy the dump again from where it was made",
  });
}

async function dropZeros(pool: WorkerPool, plan: PagePlan, done: (pfn: number) => void): Promise<void> {
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
