import { checkOptions } from "./check-options.js";
import { DumpError } from "./errors.js";
import { completeDump } from "./filter/complete-dump.js";
import { type EraseRun, eraseRequest, eraseRun } from "./filter/erase/erase-run.js";
import { dropFreeLists, marksFreePages } from "./filter/free-lists.js";
import { type KernelView, kernelView } from "./filter/kernel-view.js";
import { classCounts, FREE, KEPT, ZERO } from "./filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "./filter/plan.js";
import { needsStructPages, policyOfLevel, type ScanPolicy } from "./filter/policy.js";
import { type PrivateRun, privateRun } from "./filter/privacy/private-run.js";
import { privacyExtras } from "./filter/privacy/scrub.js";
import { checkFreeCount, selfCheck } from "./filter/self-check/self-check.js";
import type { FilterOptions, FilterProgress, FilterResult } from "./filter-types.js";
import { makeWriter, openSink } from "./open-output.js";
import { countBits } from "./reader/bitmap.js";
import type { Dump } from "./reader/dump.js";
import { inputChanged } from "./reader/input-changed.js";
import { Warnings } from "./warnings.js";
import { dropUnreadable } from "./worker/check-dump.js";
import { keptRanges } from "./worker/chunks.js";
import { classifyPages } from "./worker/classify-pages.js";
import { encodeDump } from "./worker/encode-dump.js";
import { type ExtensionRun, extensionRun, markFree } from "./worker/extension/extend-dump.js";
import { inOrder, type RunContext, throwIfAborted, WorkerPool } from "./worker/pool.js";
import { WorkerThreads } from "./worker/threads.js";
import type { DumpWriter } from "./writer/dump-writer.js";
import { SharedPages } from "./writer/shared-pages.js";
import type { Sink } from "./writer/sink.js";

export type { FilterOptions, FilterOutput, FilterProgress, FilterResult } from "./filter-types.js";

/**
 * Filters a dump: classifies its pages, drops those of the level's classes, compresses the others in worker threads
 * and writes them. The output is the same, byte for byte, for any number of workers. Throws `DumpError`s; then no
 * output is left behind.
 */
export async function filterDump(input: Dump, options: FilterOptions): Promise<FilterResult> {
  const { fallbackLevels = [], onFull = "nothing", warnings = new Warnings() } = options;
  if ("stream" in options.output && (fallbackLevels.length > 0 || onFull === "incomplete")) {
    throw new DumpError("BAD_OPTION", "a stream cannot be taken back when it is full", {
      cure: "Name a file, or leave away the other levels and --on-full",
    });
  }
  for (const level of fallbackLevels) policyOfLevel(level);
  const threads = options.workers instanceof WorkerThreads ? options.workers : new WorkerThreads(options.workers);
  const once = { ...options, warnings, workers: threads };
  try {
    let level = options.level;
    for (const next of fallbackLevels) {
      const forget = warnings.mark();
      try {
        return await filterOnce(input, { ...once, level, onFull: "nothing" });
      } catch (error) {
        if (!isFull(error)) throw error;
        forget();
        const what = error.message.replace(`. ${error.cure}`, "");
        warnings.add("NEXT_LEVEL", `level ${level} did not fit, level ${next} was tried: ${what}`);
        level = next;
      }
    }
    return await filterOnce(input, { ...once, level, onFull });
  } finally {
    if (threads !== options.workers) await threads.destroy();
  }
}

function isFull(error: unknown): error is DumpError {
  return error instanceof DumpError && (error.code === "NO_SPACE" || error.code === "SIZE_LIMIT");
}

/** One attempt, at one level. */
async function filterOnce(input: Dump, options: FilterOptions): Promise<FilterResult> {
  const warnings = options.warnings ?? new Warnings();
  const dump = completeDump(input, warnings, options);
  const level = options.level | dump.header.dumpLevel;
  const asked = policyOfLevel(options.level);
  checkOptions(options);
  const extras = privacyExtras(options.privacyExtra ?? []);
  const request = options.erase && eraseRequest(options.erase);
  throwIfAborted(options.signal);
  const threads = options.workers instanceof WorkerThreads ? options.workers : new WorkerThreads(options.workers);
  let sink: Sink | undefined;
  let pool: WorkerPool | undefined;
  try {
    sink = openSink(options, dump);
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
    pool = new WorkerPool(
      threads,
      runContext(dump, view, policy, plan, options, erase, secret, extension),
      options.signal,
    );
    await extension?.begin(pool);
    const total = plan.maxMapnr;
    const report = (phase: FilterProgress["phase"], done: number, of: number) =>
      options.onProgress?.({ phase, done, total: of });
    let unclassified = 0;
    if (view !== undefined) {
      const again = () => {
        const context = runContext(dump, view, { ...policy, free: false }, plan, options, erase, secret, extension);
        pool = new WorkerPool(threads, context, options.signal);
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
    if (options.format === "elf" && policy.zero) {
      await dropZeros(pool, plan, (pfn) => report("zero", pfn, total));
    }
    const kept = countBits(plan.kept, 0, plan.maxMapnr);
    if (kept === 0 && incomplete) throw nothingLeft(dump);
    const shared = options.dedupe === true ? new SharedPages(kept) : undefined;
    if (shared !== undefined) await pool.chooseHashKey();
    const described = secret?.dump ?? dump;
    const shown = view && erase ? erase.view(view) : view;
    const writer = makeWriter(
      erase?.describe(described) ?? described,
      shown,
      plan,
      level,
      options,
      sink,
      incomplete,
      shared,
    );
    options.observer?.begin(dump, view, plan);
    await writer.begin();
    if (options.onFull === "incomplete") await writer.reserve();
    const dropZeroPages = options.format === "kdump" && (level & 1) !== 0;
    const written = (pages: number) => report("write", pages, kept);
    written(0);
    const { zeroPages, outputBytes, notWritten, full } = await writeAll(
      async () => {
        const zeros = await encodeDump(pool as WorkerPool, plan, dropZeroPages, writer, written, options.observer);
        return { zeroPages: zeros, outputBytes: await writer.end(), notWritten: 0, full: undefined };
      },
      writer,
      kept,
      options,
    );
    throwIfAborted(options.signal);
    takeChange(inputChanged(dump.image), dump, warnings);
    await sink.finish(outputBytes);
    plan.dropped[ZERO] = (plan.dropped[ZERO] as number) + zeroPages;
    const counts = [...plan.dropped];
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
      beyondMemMap: plan.beyondMemMap,
      unclassified,
      unreadable,
      incomplete: incomplete || full !== undefined,
      notWritten,
      full,
      shared: shared?.counts,
      inputBytes: dump.fileSize,
      outputBytes,
      warnings: warnings.list,
    };
  } catch (error) {
    await sink?.abort();
    throw changedInstead(error, dump);
  } finally {
    if (threads === options.workers) await pool?.end();
    else await threads.destroy();
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
  classes?.fill(0);
  await classifyPages(again(), plan, new Warnings(), done, privacy, classes);
  return unclassified;
}

/** Bare memory may be that of a running machine, which writes to it all the time. */
function takeChange(change: DumpError | undefined, dump: Dump, warnings: Warnings): void {
  if (change === undefined) return;
  if (dump.header.format !== "raw") throw change;
  warnings.add("INPUT_CHANGED", change.message.replace(`. ${change.cure}`, "; pages may be of different moments"));
}

/** What does not fit together in a file that changes is no damage of it. */
function changedInstead(error: unknown, dump: Dump): unknown {
  const damage = error instanceof DumpError && ["TRUNCATED", "CORRUPT", "CANNOT_FILTER"].includes(error.code);
  return (damage ? inputChanged(dump.image) : undefined) ?? error;
}

/** What pass 2 wrote. */
interface Written {
  readonly zeroPages: number;
  readonly outputBytes: number;
  readonly notWritten: number;
  readonly full: string | undefined;
}

/** Pass 2; and if the output is full in the middle of it, and that was asked for, a dump of what is written. */
async function writeAll(
  run: () => Promise<Written>,
  writer: DumpWriter,
  kept: number,
  { onFull, warnings }: FilterOptions,
): Promise<Written> {
  try {
    return await run();
  } catch (error) {
    if (onFull !== "incomplete" || !isFull(error)) throw error;
    const { size, pages, zeroPages } = await writer.cutShort();
    if (pages === 0) throw error;
    const full = error.message.replace(`. ${error.cure}`, "");
    warnings?.add("NOT_WRITTEN", "pages had no room in the output, which is marked incomplete", kept - pages);
    return { zeroPages, outputBytes: size, notWritten: kept - pages, full };
  }
}

function runContext(
  dump: Dump,
  view: KernelView | undefined,
  policy: ScanPolicy,
  plan: PagePlan,
  { codec, dedupe = false }: FilterOptions,
  erase: EraseRun | undefined,
  secret: PrivateRun | undefined,
  extension: ExtensionRun | undefined,
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
    erase: [...(erase?.spans ?? []), ...(secret?.spans ?? [])],
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
  const ranges = keptRanges(plan.kept, plan.maxMapnr, pool.layout.pages);
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
