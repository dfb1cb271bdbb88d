import { DumpError } from "../errors.js";
import type { EraseRun } from "../filter/erase/erase-run.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { PagePlan } from "../filter/plan.js";
import { policyOfLevel, type ScanPolicy } from "../filter/policy.js";
import type { PrivateRun } from "../filter/privacy/private-run.js";
import type { StackTops } from "../filter/privacy/stack-tops.js";
import type { StrictPages } from "../filter/privacy/strict/strict-pages.js";
import { dropUnusedVmemmap } from "../filter/unused-vmemmap.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { countBits } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { dropUnreadable } from "../worker/check-dump.js";
import { WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import { outputFormatFacts } from "../writer/output-format.js";
import { classify } from "./classify.js";
import { withCpuNotes } from "./cpu-notes.js";
import { dropZeros } from "./drop-zeros.js";
import { filterResult, type WrittenPages } from "./filter-result.js";
import type { FilterProgress, FilterResult, WholeFilterOptions } from "./filter-types.js";
import { countFilteredBefore } from "./filtered-before.js";
import type { Session } from "./own-session.js";
import { type PreparedRun, prepareRun, runContext, spansOf } from "./prepared-run.js";

/** A dump between its passes: which pages are kept, and everything that pass 2 needs to write them. */
export interface PlannedDump {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  /** Level of the output, including that of earlier filterings of the input. */
  readonly level: number;
  readonly plan: PagePlan;
  /** Number of pages that are kept. */
  readonly kept: number;
  /** Whether pages of zeros among them get no bytes of their own. */
  readonly dropsZeros: boolean;
  /** The dump and its kernel as the output describes them: without erased notes and names. */
  readonly outputDump: Dump;
  readonly outputView: KernelView | undefined;
  /** Whether the output lacks pages that it should have. */
  readonly incomplete: boolean;
  /** What is overwritten in kept pages. */
  readonly erase: readonly EraseSpans[];
  readonly stackTops: StackTops | undefined;
  readonly strict: StrictPages | undefined;
  /** Whether struct pages of dropped pages may be missing. */
  readonly lacksStructPages: boolean;
  /** The session's warnings. */
  readonly warnings: Warnings;
  /** A pool for this dump's tasks; the caller must end it. */
  readonly pool: WorkerPool;
  /** The result of the whole run, after pass 2. */
  result(written: WrittenPages): FilterResult;
}

/**
 * Pass 1 and everything between the passes: decides which pages of a dump are kept. Does not touch the output. Throws
 * `DumpError`s.
 */
export async function planDump(
  input: Session,
  options: WholeFilterOptions,
  threads: WorkerThreads,
): Promise<PlannedDump> {
  const run = await prepareRun(await withCpuNotes(input, options.format), options);
  try {
    return await planPrepared(run, options, threads);
  } finally {
    run.search?.close();
  }
}

async function planPrepared(
  run: PreparedRun,
  options: WholeFilterOptions,
  threads: WorkerThreads,
): Promise<PlannedDump> {
  const { dump, view, plan, policy, search, extension, withoutData, warnings } = run;
  let { erase } = run;
  let privacy: PrivateRun | undefined;
  const level = options.level | dump.header.dumpLevel;
  const report = reportTo(options.onProgress, plan);
  const poolOf = (used: ScanPolicy) => new WorkerPool(threads, runContext(run, used, erase, privacy), options.signal);
  let pool = poolOf(policy);
  try {
    await extension?.begin(pool);
    let unclassified = 0;
    if (view !== undefined) {
      const classes = extension?.context.classes;
      const pass1 = { dump, view, plan, policy, warnings, classes, poolOf, onProgress: report.pfn("classify") };
      // A thread whose start the main thread has not seen gets no task before the search ends.
      if (search !== undefined) await threads.started;
      const scanning = classify(pass1, pool);
      // If the search fails, the tasks that threads have are done before the pool ends.
      const searching = (async () => search?.search())();
      const [classified, searched] = await Promise.allSettled([scanning, searching]);
      ({ pool, unclassified } = settledValue(classified));
      privacy = settledValue(searched);
    }
    const classifying = { dump, view, plan, policy: policyOfLevel(level), threads, signal: options.signal };
    const before = withoutData && (await countFilteredBefore(withoutData, classifying));
    const extended = await extension?.decide(pool, report.pfn("extend"));
    const unreadable = dump.image.tolerant ? await dropUnreadable(pool, plan, warnings, report.of("check")) : 0;
    if (erase?.search !== undefined) {
      const { searchDump } = await import("../worker/search-dump.js");
      const name = options.erase?.name ?? "";
      erase = erase.withTexts(await searchDump(pool, erase.search, plan, name, report.pages("search")));
    }
    if (privacy !== undefined || erase?.search !== undefined) {
      await pool.end();
      pool = poolOf(policy);
    }
    const { holdsZeros } = outputFormatFacts(options.format);
    if (!holdsZeros && policy.zero) await dropZeros(pool, plan, report.pfn("zero"));
    if (view !== undefined && options.excludeUnusedVmemmap) dropUnusedVmemmap(dump, view, plan);
    // When it is known which pages stay.
    const erased = erase?.result(plan);
    const kept = countBits(plan.kept, 0, plan.maxMapnr);
    const incomplete = dump.header.incomplete || unreadable > 0;
    if (kept === 0 && (incomplete || plan.inputPages === 0)) throw nothingLeft(dump, incomplete);
    const facts = { ...run, privacy, level, kept, erased, extended, before, unclassified, unreadable, incomplete };
    return {
      ...{ dump, view, level, plan, kept, incomplete, warnings, pool },
      dropsZeros: holdsZeros && (level & 1) !== 0,
      ...outputOf(run, erase, privacy),
      lacksStructPages: options.excludeUnusedVmemmap === true || dump.header.lacksStructPages === true,
      result: (written) => filterResult(facts, written),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

/** The dump and its kernel as the output describes them, and what is overwritten in kept pages. */
function outputOf({ dump, view, search }: PreparedRun, erase: EraseRun | undefined, privacy: PrivateRun | undefined) {
  const clean = privacy?.dump ?? dump;
  return {
    outputDump: erase?.describe(clean) ?? clean,
    outputView: withoutHost(view && erase ? erase.view(view) : view, privacy),
    erase: spansOf(erase, privacy),
    stackTops: search?.stackTops,
    strict: privacy?.strict,
  };
}

function withoutHost(view: KernelView | undefined, privacy: PrivateRun | undefined): KernelView | undefined {
  if (view === undefined || !privacy?.hidesHost) return view;
  return { ...view, utsname: { ...view.utsname, nodename: "", domainname: "" } };
}

/**
 * Functions that report the progress of a phase. They differ in their argument: the pfn that was reached, pages done
 * since the last call, or done and total.
 */
function reportTo(onProgress: WholeFilterOptions["onProgress"], { kept, maxMapnr }: PagePlan) {
  type Phase = FilterProgress["phase"];
  return {
    pfn: (phase: Phase) => (pfn: number) => onProgress?.({ phase, done: pfn, total: maxMapnr }),
    pages(phase: Phase) {
      const total = countBits(kept, 0, maxMapnr);
      let done = 0;
      return (pages: number) => {
        done += pages;
        onProgress?.({ phase, done, total });
      };
    },
    of: (phase: Phase) => (done: number, total: number) => onProgress?.({ phase, done, total }),
  };
}

function nothingLeft(dump: Dump, incomplete: boolean): DumpError {
  const what = incomplete
    ? "no page of its memory can be read"
    : "holds no page of the memory that its headers describe";
  return new DumpError("TRUNCATED", what, {
    file: dump.paths[0] ?? "",
    cure: "`coresieve info --salvage` shows what its headers say; copy the dump again from where it was made",
  });
}
