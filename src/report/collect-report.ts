import { setImmediate } from "node:timers/promises";
import { codecOf } from "../codec/codecs.js";
import { DumpError, throwIfAborted } from "../errors.js";
import { samplePages } from "../estimate/sample-pages.js";
import { type ClassCounts, classCounts, KEPT } from "../filter/page-classes.js";
import { MAX_LEVEL, policyOfLevel } from "../filter/policy.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { PAGE_KINDS } from "../kernel/page/page-kinds.js";
import { aDump, aSignal, checkArgument, checkGiven, maybe } from "../option-shape.js";
import { packageVersion } from "../package-version.js";
import { stretchesOf } from "../reader/attach.js";
import { countBits, type PageBitmap, sharedBitmap, testBit } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { isMissingPage } from "../reader/find-in-memory.js";
import { isLive, warnOfChange } from "../reader/source/input-changed.js";
import { type CheckedPlan, checkedPlan, classify, scanPools } from "../run/classify.js";
import { cpuCount } from "../run/cpu-notes.js";
import type { Session } from "../run/own-session.js";
import { openSessionAwake } from "../run/session.js";
import { aWarnings, type Warnings } from "../warnings.js";
import { evenRanges } from "../worker/chunks.js";
import { WorkerThreads } from "../worker/threads.js";
import { KindSample } from "./kind-sample.js";
import { logTail } from "./log-tail.js";
import { memoryPlaces } from "./memory-places.js";
import { type KindSum, PageCollector } from "./page-collector.js";
import { fileNames, type KindRow, kindRows, machineFacts, type ReportData } from "./report-data.js";

/** How to make a report about a dump. */
export interface ReportOptions extends CompleteOptions {
  /** Warnings are added to those of opening the dump. */
  readonly warnings?: Warnings;
  /** Stops it with an `ABORTED` error. */
  readonly signal?: AbortSignal;
}

/** Pages that are read before other events may run. */
const PIECE = 2 ** 18;

/**
 * Reads a dump without filtering it: finds the kinds of its pages, what level 31 would keep, and from a sample how well
 * each kind compresses. A dump whose pages cannot be classified gets a map of its existing pages. Throws `DumpError`s.
 */
export async function collectReport(input: Dump, options: ReportOptions = {}): Promise<ReportData> {
  checkGiven(options, { ...COMPLETE_SHAPE, warnings: aWarnings, signal: maybe(aSignal) });
  checkArgument("input", input, aDump);
  const { signal } = options;
  const session = await openSessionAwake(input, options);
  const { dump, whyNoView, warnings } = session;
  if (whyNoView !== undefined) {
    if (whyNoView.code !== "CANNOT_FILTER" && !isMissingPage(whyNoView)) throw whyNoView;
    warnings.add("NO_KERNEL_VIEW", `${whyNoView.summary}; the report cannot show kinds of pages`);
  }
  const checked = checkedPlan(session, policyOfLevel(MAX_LEVEL));
  const { view, plan } = checked;
  const wouldDrop = view && (await wouldBeDropped(session, view, checked, signal));
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
  warnOfChange(dump, warnings);
  return {
    version: packageVersion(),
    made: new Date(),
    files: fileNames(dump.paths),
    description: dump.header.description,
    inputBytes: dump.fileSize,
    pageSize: dump.pageSize,
    machine: machineFacts(dump, view?.utsname, view?.memMap.model, true, await cpuCount({ dump, view })),
    map,
    places: view === undefined ? [] : memoryPlaces(dump, view),
    kinds: kindRows(collector.sums, sampled),
    ...(wouldDrop && { wouldDrop }),
    log: logTail(dump),
    warnings: warnings.list,
  };
}

/** Pass 1 of a filter run at level 31; clears bits of the plan. */
async function wouldBeDropped(
  { dump, warnings }: Session,
  view: KernelView,
  { policy, plan }: CheckedPlan,
  signal: AbortSignal | undefined,
): Promise<ClassCounts> {
  const threads = new WorkerThreads();
  try {
    const poolOf = scanPools(dump, view, plan.kept, { threads, signal });
    const { pool } = await classify({ dump, view, plan, policy, warnings, poolOf });
    await pool.end();
  } finally {
    await threads.destroy();
  }
  const counts = [...plan.dropped];
  counts[KEPT] = countBits(plan.kept, 0, plan.maxMapnr);
  return classCounts(counts);
}

/** Bytes of each kind's pages with zlib at level 1, estimated from the sample. */
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

/** A bitmap of the pages of a machine's memory that may be read. */
function touchablePages(dump: Dump, view: KernelView): PageBitmap {
  const pages = sharedBitmap(stretchesOf(dump.image));
  pages.bytes.fill(0xff);
  leaveOutUntouchable(dump, view, pages);
  return pages;
}

/** A kind with damaged pages has no figure; `coresieve verify` reports the damage. */
function nothingOfDamage(error: unknown): undefined {
  if (error instanceof DumpError && (error.code === "CORRUPT" || error.code === "TRUNCATED")) return undefined;
  throw error;
}
