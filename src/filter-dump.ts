import { resolve } from "node:path";
import { DumpError } from "./errors.js";
import { type CompleteOptions, completeDump } from "./filter/complete-dump.js";
import { type EraseResult, type EraseRun, eraseRequest, eraseRun } from "./filter/erase/erase-run.js";
import type { EraseFile } from "./filter/erase/parse-rules.js";
import { dropFreeLists, marksFreePages } from "./filter/free-lists.js";
import { type KernelView, kernelView } from "./filter/kernel-view.js";
import { type ClassCounts, classCounts, FREE, KEPT, ZERO } from "./filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "./filter/plan.js";
import { needsStructPages, policyOfLevel, type ScanPolicy } from "./filter/policy.js";
import type { PrivacyResult } from "./filter/privacy/privacy-result.js";
import { checkPrivateLevel, type PrivateRun, privateRun } from "./filter/privacy/private-run.js";
import { type PrivacyExtra, privacyExtras } from "./filter/privacy/scrub.js";
import { checkFreeCount, selfCheck } from "./filter/self-check/self-check.js";
import { countBits } from "./reader/bitmap.js";
import type { Dump } from "./reader/dump.js";
import { inputChanged } from "./reader/input-changed.js";
import type { Arch } from "./reader/machine.js";
import { type DumpWarning, Warnings } from "./warnings.js";
import { dropUnreadable } from "./worker/check-dump.js";
import { keptRanges } from "./worker/chunks.js";
import { classifyPages } from "./worker/classify-pages.js";
import { CODEC_FLAGS, type Codec } from "./worker/codec/codecs.js";
import { checkCodec } from "./worker/codec/encoder.js";
import { encodeDump } from "./worker/encode-dump.js";
import { type ExtensionRun, extensionRun, markFree } from "./worker/extension/extend-dump.js";
import type { ExtensionFile, ExtensionResult } from "./worker/extension/extension.js";
import { inOrder, type RunContext, throwIfAborted, WorkerPool } from "./worker/pool.js";
import type { RunObserver } from "./worker/run-observer.js";
import { WorkerThreads } from "./worker/threads.js";
import { dumpFacts } from "./writer/collect-facts.js";
import { discardSink } from "./writer/discard-sink.js";
import type { DumpWriter } from "./writer/dump-writer.js";
import { outputClass, outputSegments } from "./writer/elf-segments.js";
import { ElfWriter } from "./writer/elf-writer.js";
import { createFileSink } from "./writer/file-sink.js";
import { createFlattenedSink } from "./writer/flattened-sink.js";
import { KdumpWriter } from "./writer/kdump-writer.js";
import { limitedSink } from "./writer/limited-sink.js";
import { type SharedCounts, SharedPages } from "./writer/shared-pages.js";
import type { Sink } from "./writer/sink.js";
import { type SplitSink, SplitWriter, splitSink } from "./writer/split-writer.js";

/** Where the output goes: a file, a stream in flattened format (which needs no seeking), or nowhere. */
export type FilterOutput =
  | {
      readonly path: string;
      readonly force?: boolean;
      /** Wait until the disk has it, before it gets its name. */
      readonly sync?: boolean;
    }
  /** A split set as makedumpfile writes it, in files of about as many pages each; for kdump only. */
  | { readonly paths: readonly string[]; readonly force?: boolean; readonly sync?: boolean }
  | { readonly stream: NodeJS.WritableStream; readonly name?: string }
  /** Nowhere: for a run that only finds out what would be written. */
  | { readonly discard: true; readonly name: string };

/** How far a run is. Phases follow each other; not every run has each of them. */
export interface FilterProgress {
  readonly phase: "classify" | "extend" | "zero" | "check" | "write";
  /** Pages done and in all, of this phase. */
  readonly done: number;
  readonly total: number;
}

/** How a dump is filtered, and where to. */
export interface FilterOptions extends CompleteOptions {
  /** Levels to take in turn when the output has no room at `level`. Not for streams. */
  readonly fallbackLevels?: readonly number[];
  /** Most bytes of the output; beyond that it counts as full. */
  readonly sizeLimit?: number;
  /**
   * What becomes of an output for which there is no room, at the last of the levels: nothing is left (default), or a whole dump of
   * the pages written until then, marked incomplete. Not for streams.
   */
  readonly onFull?: "nothing" | "incomplete";
  readonly output: FilterOutput;
  /** makedumpfile's dump level, 0 to 31. */
  readonly level: number;
  /** Keeps only what is the kernel's beyond doubt, of any class; needs level 31. docs/privacy.md says what that is. */
  readonly privacy?: boolean;
  /** What `privacy` overwrites beyond what it does by itself: users' registers, terminals' buffers. */
  readonly privacyExtra?: readonly PrivacyExtra[];
  /** Rules by which the kernel's data in kept pages are overwritten: docs/erase.md has their form. */
  readonly erase?: EraseFile;
  /** Decides about pages beside the level: docs/library.md says how. */
  readonly extension?: ExtensionFile;
  readonly format: "kdump" | "elf";
  readonly codec: Codec;
  /** Lets equal pages share one copy of their bytes in the file. For kdump only. */
  readonly dedupe?: boolean;
  /** Worker threads to start for this run, or threads that are there already and stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  /** Warnings of opening the dump go on here. */
  readonly warnings?: Warnings;
  /** Stops the run: it ends with an `ABORTED` error and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: FilterProgress) => void;
  /** Looks on while pages are written, for a report. @internal */
  readonly observer?: RunObserver;
}

/** What a run found and did. Numbers are pages if not said otherwise. */
export interface FilterResult {
  /** The kernel, if its struct pages could be used. */
  readonly kernelRelease: string | undefined;
  readonly memoryModel: string | undefined;
  /** The dumped machine; of a memory image the one that was found. */
  readonly arch: Arch;
  readonly pageSize: number;
  /** Level of the output: that of the input's earlier filterings included. */
  readonly level: number;
  readonly maxMapnr: number;
  /** Pages that the input has. */
  readonly inputPages: number;
  /** Pages dropped by class; `kept` are the others. */
  readonly classes: ClassCounts;
  /** Of a run with `privacy`. */
  readonly privacy?: PrivacyResult;
  /** Of a run with `erase`. */
  readonly erase?: EraseResult;
  /** Of a run with `extension`. */
  readonly extension?: ExtensionResult;
  /** Pages of the input beyond the last one with a struct page (firmware ROMs), which were left out. */
  readonly beyondMemMap: number;
  /** Pages kept because nothing could be found out about them. */
  readonly unclassified: number;
  /** Pages of a damaged input that cannot be read, which were left out. */
  readonly unreadable: number;
  /** The output lacks pages that it should have, and says so in its header. */
  readonly incomplete: boolean;
  /** Pages that should be in the output and had no room, with `onFull: "incomplete"`. They are counted in `classes`. */
  readonly notWritten: number;
  /** The error of the output that was full, if so. */
  readonly full: string | undefined;
  /** Pages that share the bytes of an equal one, if that was asked for. They are counted in `classes` like all others. */
  readonly shared: SharedCounts | undefined;
  /** Bytes of the input files and of the output. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly warnings: readonly DumpWarning[];
}

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
  if (options.format === "elf" && options.codec.name !== "none") {
    throw new DumpError("BAD_OPTION", `ELF dumps cannot be compressed, but ${options.codec.name} was asked for`, {
      cure: "Leave -E away for a compressed dump, or the codec for an ELF dump",
    });
  }
  if (options.format === "elf" && options.dedupe === true) {
    throw new DumpError("BAD_OPTION", "ELF dumps cannot share equal pages, but --dedupe asks for it", {
      cure: "Leave -E or --dedupe away",
    });
  }
  if ("paths" in options.output) checkSplit(options.output.paths, options);
  if (options.privacy) checkPrivateLevel(options.level);
  const extras = privacyExtras(options.privacyExtra ?? []);
  if (extras.length > 0 && !options.privacy) {
    throw new DumpError("BAD_OPTION", "--privacy-extra goes beyond --privacy, which was not asked for", {
      cure: "Add --privacy",
    });
  }
  checkCodec(options.codec);
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
      const done = (pfn: number) => report("classify", pfn, total);
      done(0);
      const byMark = marksFreePages(view.layout);
      if (policy.free && !byMark) dropFreeLists(dump, view, plan, warnings);
      if (extension !== undefined) markFree(extension.context, plan.kept);
      const classes = extension?.context.classes;
      const doubts = await classifyPages(pool, plan, warnings, done, options.privacy, classes);
      unclassified = doubts.unreadable + doubts.withoutStructPage;
      const free = plan.dropped[FREE] as number;
      const lookedAt = plan.inputPages - plan.beyondMemMap - unclassified;
      if (policy.free && byMark && !checkFreeCount(dump, view, free, lookedAt, warnings)) {
        // Once more, from the start, without a class that cannot be told.
        resetPlan(dump, plan);
        await pool.end();
        classes?.fill(0);
        const context = runContext(dump, view, { ...policy, free: false }, plan, options, erase, secret, extension);
        pool = new WorkerPool(threads, context, options.signal);
        await classifyPages(pool, plan, new Warnings(), done, options.privacy, classes);
      }
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

/** What a split set cannot have. */
function checkSplit(paths: readonly string[], { format, dedupe, onFull }: FilterOptions): void {
  const problem =
    paths.length < 2
      ? "a split set has two files at least"
      : new Set(paths.map((path) => resolve(path))).size < paths.length
        ? "two files of the split set have the same name"
        : format !== "kdump"
          ? "an ELF dump cannot be split"
          : dedupe === true
            ? "files of a split set cannot share equal pages"
            : onFull === "incomplete"
              ? "a split set cannot be left incomplete"
              : undefined;
  if (problem !== undefined) {
    throw new DumpError("BAD_OPTION", problem, { cure: "Write `coresieve split DUMP OUT1 OUT2`" });
  }
}

function openSink(options: FilterOptions, dump: Dump): Sink {
  const { output, signal } = options;
  if ("paths" in output) return openSplit(options, output, dump);
  const sink = unlimitedSink(output, signal, dump);
  return options.sizeLimit === undefined ? sink : limitedSink(sink, options.sizeLimit, "stream" in output);
}

/** Each file may have `sizeLimit` bytes. */
function openSplit(
  { sizeLimit }: FilterOptions,
  { paths, force = false, sync = false }: Extract<FilterOutput, { paths: unknown }>,
  dump: Dump,
): SplitSink {
  const sinks: Sink[] = [];
  try {
    for (const path of paths) {
      const sink = createFileSink(path, { force, sync, inputs: dump.paths });
      sinks.push(sizeLimit === undefined ? sink : limitedSink(sink, sizeLimit, false));
    }
  } catch (error) {
    for (const sink of sinks) void sink.abort();
    throw error;
  }
  return splitSink(sinks);
}

function unlimitedSink(
  output: Exclude<FilterOutput, { paths: unknown }>,
  signal: AbortSignal | undefined,
  dump: Dump,
): Sink {
  if ("stream" in output) return createFlattenedSink(output.stream, output.name ?? "the output stream", signal);
  if ("discard" in output) return discardSink(output.name);
  const { path, force = false, sync = false } = output;
  return createFileSink(path, { force, sync, inputs: dump.paths });
}

function makeWriter(
  dump: Dump,
  view: KernelView | undefined,
  plan: PagePlan,
  level: number,
  { format, codec }: FilterOptions,
  sink: Sink,
  incomplete: boolean,
  shared: SharedPages | undefined,
): DumpWriter {
  const facts = { ...dumpFacts(dump, view, plan, level, format), incomplete };
  if ("parts" in sink) return new SplitWriter(sink as SplitSink, facts, plan, CODEC_FLAGS[codec.name]);
  if (format === "kdump") return new KdumpWriter(sink, facts, plan, CODEC_FLAGS[codec.name], shared);
  const segments = outputSegments(dump, view, plan);
  return new ElfWriter(sink, facts, { kept: plan.kept, segments, ...outputClass(dump, segments) });
}
