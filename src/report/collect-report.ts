import { setImmediate } from "node:timers/promises";
import { codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { samplePages } from "../estimate/sample-pages.js";
import { dropFreeLists, marksFreePages } from "../filter/free-lists.js";
import { type ClassCounts, classCounts, FREE, KEPT } from "../filter/page-classes.js";
import { initialPlan, type PagePlan, resetPlan } from "../filter/plan.js";
import { MAX_LEVEL, type Policy, policyOfLevel } from "../filter/policy.js";
import { type Checked, checkFreeCount, selfCheck } from "../filter/self-check/self-check.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import { type CompleteOptions, completeDump } from "../kernel/complete-dump.js";
import { type KernelView, kernelView } from "../kernel/kernel-view.js";
import { PAGE_KINDS } from "../kernel/page/page-kinds.js";
import { packageVersion } from "../package-version.js";
import { countBits, type PageBitmap, sharedBitmap, testBit } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { stretchesOf } from "../reader/open.js";
import { isLive } from "../reader/source/input-changed.js";
import { Warnings } from "../warnings.js";
import { evenRanges } from "../worker/chunks.js";
import { classifyPages } from "../worker/classify-pages.js";
import { throwIfAborted, WorkerPool } from "../worker/pool.js";
import { WorkerThreads } from "../worker/threads.js";
import { KindSample } from "./kind-sample.js";
import { logTail } from "./log-tail.js";
import { memoryPlaces } from "./memory-places.js";
import { type KindSum, PageCollector } from "./page-collector.js";
import { fileNames, type KindRow, kindRows, machineFacts, type ReportData } from "./report-data.js";

/** How a report about a dump is made. */
export interface ReportOptions extends CompleteOptions {
  /** Warnings of opening the dump go on here. */
  readonly warnings?: Warnings;
  /** Ends it with an `ABORTED` error. */
  readonly signal?: AbortSignal;
}

/** Pages between two turns of the event loop. */
const PIECE = 2 ** 18;

/**
 * Looks at a dump without filtering it: kinds of pages, what level 31 would keep, and by a sample how well each kind
 * compresses. A dump whose pages cannot be classified gets a map of what is there. Throws `DumpError`s.
 */
export async function collectReport(input: Dump, options: ReportOptions = {}): Promise<ReportData> {
  const warnings = options.warnings ?? new Warnings();
  const { signal } = options;
  const dump = completeDump(input, warnings, options);
  const found = tryView(dump, warnings);
  const plan = initialPlan(dump, found);
  const policy = policyOfLevel(MAX_LEVEL);
  const checked = found && selfCheck(dump, found, policy, plan, warnings);
  const view = checked?.view;
  const wouldDrop = checked && (await classify(dump, checked, plan, warnings, signal));
  const sample = new KindSample();
  const collector = new PageCollector(dump, view, sample);
  for (const { endPfn } of evenRanges(plan.kept, dump.maxMapnr, PIECE)) {
    collector.advance(endPfn, view && plan.kept);
    await setImmediate();
    throwIfAborted(signal);
  }
  const map = collector.finish();
  const safe = view !== undefined && isLive(dump.image) ? touchablePages(dump, view) : undefined;
  const sampled = await compressSample(dump, sample, collector.sums, safe, signal);
  return {
    version: packageVersion(),
    made: new Date(),
    files: fileNames(dump.paths),
    description: dump.header.description,
    inputBytes: dump.fileSize,
    pageSize: dump.pageSize,
    machine: machineFacts(dump, view?.utsname, view?.memMap.model, true),
    map,
    places: view === undefined ? [] : memoryPlaces(dump, view),
    kinds: kindRows(collector.sums, sampled),
    ...(wouldDrop && { wouldDrop }),
    log: logTail(dump),
    warnings: warnings.list,
  };
}

function tryView(dump: Dump, warnings: Warnings): KernelView | undefined {
  try {
    return kernelView(dump, warnings);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER") throw error;
    warnings.add(
      "NO_KERNEL_VIEW",
      error.message.replace(/\. Levels 0 and 1.*/, "; the report cannot tell kinds of pages"),
    );
    return undefined;
  }
}

/** Pass 1 of a filter run at level 31: clears bits of `plan.kept`. */
async function classify(
  dump: Dump,
  { view, policy }: Checked,
  plan: PagePlan,
  warnings: Warnings,
  signal: AbortSignal | undefined,
): Promise<ClassCounts> {
  const byMark = marksFreePages(view.layout);
  if (policy.free && !byMark) dropFreeLists(dump, view, plan, warnings);
  const threads = new WorkerThreads();
  const { space, memMap, layout: pageLayout } = view;
  const pass = async (by: Policy, into: Warnings) => {
    const run = {
      ...{ image: dump.image, pageSize: dump.pageSize, kept: plan.kept },
      kernel: { space, memMap, pageLayout, policy: by },
      ...{ codec: codecOf("none", undefined), dedupe: false },
    };
    const pool = new WorkerPool(threads, run, signal);
    try {
      return await classifyPages(pool, plan, into, () => {});
    } finally {
      await pool.end();
    }
  };
  try {
    const { unreadable, withoutStructPage } = await pass(policy, warnings);
    const lookedAt = plan.inputPages - plan.beyondMemMap - unreadable - withoutStructPage;
    const free = plan.dropped[FREE] as number;
    if (policy.free && byMark && !checkFreeCount(dump, view, free, lookedAt, warnings)) {
      resetPlan(dump, plan);
      await pass({ ...policy, free: false }, new Warnings());
    }
  } finally {
    await threads.destroy();
  }
  const counts = [...plan.dropped];
  counts[KEPT] = countBits(plan.kept, 0, plan.maxMapnr);
  return classCounts(counts);
}

/** Bytes of each kind's pages with zlib at level 1, as far as the sample tells. */
async function compressSample(
  dump: Dump,
  sample: KindSample,
  sums: readonly KindSum[],
  safe: PageBitmap | undefined,
  signal: AbortSignal | undefined,
): Promise<KindRow["sampled"][]> {
  const codecs = [codecOf("zlib", 1)];
  const sampled: KindRow["sampled"][] = [];
  for (const kind of PAGE_KINDS.keys()) {
    const drawn = sample.pfnsOf(kind);
    const pfns = safe === undefined ? drawn : drawn.filter((pfn) => testBit(safe, pfn));
    if (pfns.length === 0) {
      sampled.push(undefined);
      continue;
    }
    const sizes = await samplePages(dump, pfns, codecs, signal, () => {}).catch(nothingOfDamage);
    if (sizes === undefined) {
      sampled.push(undefined);
      continue;
    }
    const { stored, zero } = sizes;
    let bytes = 0;
    let zeroPages = 0;
    for (let i = 0; i < pfns.length; i++) {
      if (zero[i] === 1) zeroPages++;
      else bytes += stored[0]?.[i] ?? 0;
    }
    const { pages } = sums[kind] as KindSum;
    sampled.push({ bytes: Math.round((bytes / pfns.length) * pages), pages: pfns.length, zeroPages });
  }
  return sampled;
}

/** A bit for each page of a machine's memory that may be read. */
function touchablePages(dump: Dump, view: KernelView): PageBitmap {
  const pages = sharedBitmap(stretchesOf(dump.image));
  pages.bytes.fill(0xff);
  leaveOutUntouchable(dump, view, pages);
  return pages;
}

/** A kind with damaged pages has no figure; `coresieve verify` says what is damaged. */
function nothingOfDamage(error: unknown): undefined {
  if (error instanceof DumpError && (error.code === "CORRUPT" || error.code === "TRUNCATED")) return undefined;
  throw error;
}
