import { DumpError } from "../errors.js";
import type { EraseRun } from "../filter/erase/erase-run.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { PagePlan } from "../filter/plan.js";
import { needsStructPages, policyOfLevel, type ScanPolicy } from "../filter/policy.js";
import { privacyExtras } from "../filter/privacy/privacy-names.js";
import type { PrivateRequest, PrivateRun } from "../filter/privacy/private-run.js";

import type { StackTops } from "../filter/privacy/stack-tops.js";
import type { StrictPages } from "../filter/privacy/strict/strict-pages.js";
import type { TextSearch } from "../filter/text/text-search.js";
import { dropUnusedVmemmap } from "../filter/unused-vmemmap.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { countBits } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { dropUnreadable } from "../worker/check-dump.js";
import type { ExtensionRun } from "../worker/extension/extend-dump.js";
import { type RunContext, WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import { outputFormatFacts } from "../writer/output-format.js";
import { checkedPlan, classify } from "./classify.js";
import { withCpuNotes } from "./cpu-notes.js";
import { dropZeros } from "./drop-zeros.js";
import { filterResult, type WrittenPages } from "./filter-result.js";
import type { FilterProgress, FilterResult, WholeFilterOptions } from "./filter-types.js";
import { countFilteredBefore, pagesWithoutData } from "./filtered-before.js";
import type { Session } from "./own-session.js";

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
  readonly strict: StrictPages | undefined;
  /** Struct pages of dropped pages may be missing. */
  readonly lacksStructPages: boolean;
  /** Of the session. */
  readonly warnings: Warnings;
  /** Its tasks are those of this dump; the caller ends it. */
  readonly pool: WorkerPool;
  /** The account of the whole run, when pass 2 is over. */
  result(written: WrittenPages): FilterResult;
}

/** Loaded by who needs it, as privacy and erasing are: together a sixth of the program. */
async function extensionOf(
  options: WholeFilterOptions,
  dump: Dump,
  view: KernelView | undefined,
  plan: PagePlan,
): Promise<ExtensionRun | undefined> {
  if (options.extension === undefined) return undefined;
  const { extensionRun } = await import("../worker/extension/extend-dump.js");
  return extensionRun(options.extension, dump, view, plan, options);
}

/**
 * Pass 1 and what belongs between the passes: finds which pages of a dump go into the output. The output itself is not
 * touched. Throws `DumpError`s.
 */
export async function planDump(
  input: Session,
  options: WholeFilterOptions,
  threads: WorkerThreads,
): Promise<PlannedDump> {
  const session = await withCpuNotes(input, options.format);
  const { dump, warnings } = session;
  const level = options.level | dump.header.dumpLevel;
  checkView(session, options.level);
  const eraser = options.erase && (await import("../filter/erase/erase-run.js"));
  const request = options.erase && eraser?.eraseRequest(options.erase);
  const { view, policy: usable, plan } = checkedPlan(session, policyOfLevel(options.level));
  const hider = options.privacy ? await import("../filter/privacy/private-run.js") : undefined;
  const secret = hider?.privateRun(dump, view, usable, privateRequest(options), warnings);
  const policy = secret?.policy ?? usable;
  let erase = request && eraser?.eraseRun(request, dump, view, options.vmlinux, warnings);
  const lost = pagesWithoutData(plan);
  const extension = await extensionOf(options, dump, view, plan);
  const spansOf = (run: EraseRun | undefined) => [...(run?.spans ?? []), ...(secret?.spans ?? [])];
  let spans = spansOf(erase);
  const context = (used: ScanPolicy) =>
    runContext({ dump, view, plan, spans, secret, extension, search: erase?.search }, used, options);
  let pool = new WorkerPool(threads, context(policy), options.signal);
  try {
    await extension?.begin(pool);
    const total = plan.maxMapnr;
    const report = (phase: FilterProgress["phase"], done: number, of: number) =>
      options.onProgress?.({ phase, done, total: of });
    let unclassified = 0;
    if (view !== undefined) {
      const classified = await classify(
        {
          ...{ dump, view, plan, policy, warnings, classes: extension?.context.classes },
          poolOf: (used) => new WorkerPool(threads, context(used), options.signal),
          onProgress: (pfn) => report("classify", pfn, total),
        },
        pool,
      );
      ({ pool, unclassified } = classified);
    }
    const filtered = { dump, view, plan, policy: policyOfLevel(level), threads, signal: options.signal };
    const before = lost && (await countFilteredBefore(lost, filtered));
    const extended = await extension?.decide(pool, (pfn) => report("extend", pfn, total));
    const unreadable = dump.image.tolerant ? await dropUnreadable(pool, plan, warnings, reportCheck(options)) : 0;
    const incomplete = dump.header.incomplete || unreadable > 0;
    if (erase?.search !== undefined) {
      const name = request?.file.name ?? "";
      const { searchDump } = await import("../worker/search-dump.js");
      const found = await searchDump(pool, erase.search, plan, name, reportPages(options, "search", plan));
      erase = erase.withTexts(found);
      spans = spansOf(erase);
      await pool.end();
      pool = new WorkerPool(threads, context(policy), options.signal);
    }
    const erasing = erase;
    const erased = erasing?.result(plan);
    const { holdsZeros } = outputFormatFacts(options.format);
    if (!holdsZeros && policy.zero) await dropZeros(pool, plan, (pfn) => report("zero", pfn, total));
    if (view !== undefined && options.excludeUnusedVmemmap) dropUnusedVmemmap(dump, view, plan);
    const kept = countBits(plan.kept, 0, plan.maxMapnr);
    if (kept === 0 && (incomplete || plan.inputPages === 0)) throw nothingLeft(dump, incomplete);
    const described = secret?.dump ?? dump;
    return {
      ...{ dump, view, level, plan, kept, incomplete, warnings, pool },
      dropsZeros: holdsZeros && (level & 1) !== 0,
      described: erasing?.describe(described) ?? described,
      shown: shownView(view && erasing ? erasing.view(view) : view, secret),
      erase: spans,
      stackTops: secret?.stackTops,
      strict: secret?.strict,
      lacksStructPages: options.excludeUnusedVmemmap === true || dump.header.lacksStructPages === true,
      result: (written) =>
        filterResult(
          {
            ...{ dump, view, plan, level, kept, options, warnings, secret },
            ...{ erased, extended, before, unclassified, unreadable, incomplete },
          },
          written,
        ),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function privateRequest({ privacy, privacyExtra, privacyKeep, vmlinux }: WholeFilterOptions): PrivateRequest {
  return {
    strict: privacy === "strict",
    extras: privacyExtras(privacyExtra ?? []),
    keeps: privacyKeep ?? [],
    vmlinux,
  };
}

/** The kernel as headers show it. */
function shownView(view: KernelView | undefined, secret: PrivateRun | undefined): KernelView | undefined {
  if (view === undefined || !secret?.hidesHost) return view;
  return { ...view, utsname: { ...view.utsname, nodename: "", domainname: "" } };
}

/** What the tasks of a run work by. */
interface RunParts {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly plan: PagePlan;
  readonly spans: readonly EraseSpans[];
  readonly secret: PrivateRun | undefined;
  readonly extension: ExtensionRun | undefined;
  readonly search: TextSearch | undefined;
}

function runContext(
  { dump, view, plan, spans, secret, extension, search }: RunParts,
  policy: ScanPolicy,
  { codec, dedupe = false }: WholeFilterOptions,
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
    ...(search && { search }),
    ...(secret?.stackTops && { stackTops: secret.stackTops }),
    ...(secret?.strict && { strict: secret.strict }),
  };
}

/** Levels 0 and 1 do without struct pages where they must; then pages with memory errors cannot be told. Throws why others cannot. */
function checkView({ view, whyNoView, warnings }: Session, level: number): void {
  if (view !== undefined || whyNoView === undefined) return;
  if (whyNoView.code !== "CANNOT_FILTER" || needsStructPages(level)) throw whyNoView;
  warnings.add("NO_KERNEL_VIEW", `${whyNoView.summary}; pages with memory errors and offline pages are kept`);
}

/** Told of pages done, reports how many are done of the kept ones. */
function reportPages({ onProgress }: WholeFilterOptions, phase: "search", { kept, maxMapnr }: PagePlan) {
  const total = countBits(kept, 0, maxMapnr);
  let done = 0;
  return (pages: number) => {
    done += pages;
    onProgress?.({ phase, done, total });
  };
}

const reportCheck =
  ({ onProgress }: WholeFilterOptions) =>
  (done: number, total: number) =>
    onProgress?.({ phase: "check", done, total });

function nothingLeft(dump: Dump, incomplete: boolean): DumpError {
  const what = incomplete
    ? "no page of its memory can be read"
    : "holds no page of the memory that its headers describe";
  return new DumpError("TRUNCATED", what, {
    file: dump.paths[0] ?? "",
    cure: "`coresieve info --salvage` says what its headers tell; copy the dump again from where it was made",
  });
}
