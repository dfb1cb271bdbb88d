import { CODEC_NAMES, type Codec, type CodecName, codecOf } from "../codec/codecs.js";
import { checkCodec } from "../codec/encoder.js";
import { DumpError } from "../errors.js";
import { CACHE, CACHE_PRIVATE, FREE, KEPT, PAGE_CLASSES, type PageClass, USER } from "../filter/page-classes.js";
import { LEVEL_BITS, MAX_LEVEL, policyOfLevel } from "../filter/policy.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import {
  aDump,
  aFunction,
  aSignal,
  checkArgument,
  checkGiven,
  listOf,
  maybe,
  type Shape,
  wholeNumber,
} from "../option-shape.js";
import { copyOfBitmap, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { type PageBytes, sharedPageBytes } from "../reader/page-bytes.js";
import { warnOfChange } from "../reader/source/input-changed.js";
import { aCodec, codecFor } from "../run/check-values.js";
import { type CheckedPlan, checkedPlan, classify, scanPools } from "../run/classify.js";
import { withCpuNotes } from "../run/cpu-notes.js";
import { openSessionAwake } from "../run/session.js";
import { aWarnings, Warnings } from "../warnings.js";
import { someWorkers, WorkerThreads } from "../worker/threads.js";
import { dumpFacts } from "../writer/collect-facts.js";
import type { DumpFacts } from "../writer/dump-facts.js";
import { kdumpLayout } from "../writer/kdump-layout.js";
import { drawSorted, totalOf } from "./bounds.js";
import type { EstimateResult, LevelEstimate, SizeEstimate } from "./estimate-result.js";
import { type PageSizes, samplePages } from "./sample-pages.js";

/** How to make an estimate. */
export interface EstimateOptions extends CompleteOptions {
  /** Default: all installed codecs, zlib and zstd at level 1. */
  readonly codecs?: readonly (Codec | CodecName)[];
  /**
   * Number of pages to compress of the class that every level keeps; of each other class a quarter of that. Default:
   * 16,384.
   */
  readonly samplePages?: number;
  readonly workers?: number | WorkerThreads;
  readonly warnings?: Warnings;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of pages done and the total. */
  readonly onProgress?: (phase: "classify" | "sample", done: number, total: number) => void;
}

const ESTIMATE: Shape<EstimateOptions> = {
  ...COMPLETE_SHAPE,
  codecs: maybe(listOf(aCodec, 1)),
  samplePages: maybe(wholeNumber(1, 2 ** 24)),
  workers: someWorkers,
  warnings: aWarnings,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
};

const SAMPLE_PAGES = 16_384;
/** At most one in a hundred figures of a table may be wrong. */
const RISK = 0.01;
/**
 * The classes that some levels keep and others drop, and the kept pages. Pages of all other classes are dropped by
 * every level.
 */
const STRATA = [KEPT, CACHE, CACHE_PRIVATE, USER, FREE] as const;

/** A class of pages, and the sizes of a sample of them. */
export interface Stratum {
  readonly number: number;
  readonly pages: number;
  readonly sizes: PageSizes;
}

/**
 * Estimates for every dump level and codec how large the kdump-compressed file would be, without writing it: classifies
 * all pages, and compresses a sample of each class. Takes one byte of memory per page in addition to the bitmaps: 256
 * MiB per TiB. A dump whose pages cannot be classified gets estimates for levels 0 and 1 only. Throws `DumpError`s.
 */
export async function estimateDump(input: Dump, options: EstimateOptions = {}): Promise<EstimateResult> {
  checkGiven(options, ESTIMATE);
  checkArgument("input", input, aDump);
  const codecs = (options.codecs ?? usableCodecs()).map((codec) => codecFor("kdump", codec));
  for (const codec of codecs) checkCodec(codec);
  const session = await openSessionAwake(input, options);
  const { whyNoView, warnings } = session;
  // Outputs have a note for each CPU, so the notes count here too.
  const { dump } = await withCpuNotes(session, "kdump");
  if (whyNoView !== undefined) {
    if (whyNoView.code !== "CANNOT_FILTER") throw whyNoView;
    warnings.add("NO_KERNEL_VIEW", `${whyNoView.summary}; only levels 0 and 1 are estimated`);
  }
  const checked = checkedPlan(session, policyOfLevel(MAX_LEVEL));
  const { view, plan } = checked;
  const { present, classes } = await classesOf(dump, checked, warnings, options);
  const strata = await sampleStrata(dump, present, classes, codecs, options);
  warnOfChange(dump, warnings);
  const counts: Partial<Record<PageClass, number>> = {};
  for (const { number, pages } of strata) counts[PAGE_CLASSES[number] as PageClass] = pages;
  const known = dump.header.dumpLevel;
  const levels = [...Array(MAX_LEVEL + 1).keys()].filter((level) => view !== undefined || level <= LEVEL_BITS.zero);
  return {
    files: dump.paths,
    kernelRelease: view?.utsname.release ?? dump.vmcoreinfo?.osrelease,
    pageSize: dump.pageSize,
    inputBytes: dump.fileSize,
    inputPages: plan.inputPages,
    classes: counts,
    sampledPages: strata.reduce((sum, { sizes }) => sum + sizes.zero.length, 0),
    levels: levels.map((level) => {
      const facts = dumpFacts(dump, view, plan, level | known, "kdump");
      return levelEstimate(level, facts, strata, codecs);
    }),
    warnings: warnings.list,
  };
}

function usableCodecs(): Codec[] {
  return CODEC_NAMES.map((name) => codecOf(name, undefined)).filter((codec) => {
    try {
      checkCodec(codec);
      return true;
    } catch (error) {
      if (error instanceof DumpError) return false;
      throw error;
    }
  });
}

interface PageClasses {
  /** Pages that level 0 keeps. */
  readonly present: PageBitmap;
  /** Their classes at level 31. */
  readonly classes: PageBytes;
}

/**
 * Two passes. Pages that every level drops (memory errors, offline) may count as another class at higher levels. So a
 * pass with the lowest level finds them, and a pass with the highest finds the classes of the others.
 */
async function classesOf(
  dump: Dump,
  { view, policy, plan }: CheckedPlan,
  warnings: Warnings,
  { workers, signal, onProgress }: EstimateOptions,
): Promise<PageClasses> {
  const classes = sharedPageBytes(plan.kept.stretches);
  if (view === undefined) return { present: plan.kept, classes };
  const threads = workers instanceof WorkerThreads ? workers : new WorkerThreads(workers);
  const run = { dump, view, plan, onProgress: (pfn: number) => onProgress?.("classify", pfn, plan.maxMapnr) };
  try {
    // The first pass adds no warning that the second would not add.
    const lowest = { ...run, policy: policyOfLevel(0), warnings: new Warnings() };
    const first = await classify({ ...lowest, poolOf: scanPools(dump, view, plan.kept, { threads, signal }) });
    await first.pool.end();
    const present = copyOfBitmap(plan.kept);
    const poolOf = scanPools(dump, view, plan.kept, { threads, signal, classes });
    const second = await classify({ ...run, policy, warnings, classes, poolOf });
    await second.pool.end();
    return { present, classes };
  } finally {
    if (threads !== workers) await threads.destroy();
  }
}

async function sampleStrata(
  dump: Dump,
  present: PageBitmap,
  { bytes: classes }: PageBytes,
  codecs: readonly Codec[],
  { samplePages: most = SAMPLE_PAGES, signal, onProgress }: EstimateOptions,
): Promise<Stratum[]> {
  const counts = new Float64Array(256);
  eachBit(present, (_, place) => {
    counts[classes[place] as number] = (counts[classes[place] as number] as number) + 1;
  });
  // Seeded, so that the same dump always gets the same estimate.
  const drawn = STRATA.map((number) =>
    drawSorted(number === KEPT ? most : Math.ceil(most / 4), counts[number] as number, number + 1),
  );
  const pfns = drawn.map(({ length }) => new Float64Array(length));
  const seen = new Float64Array(256);
  const found = new Float64Array(STRATA.length);
  const stratumOf = Int8Array.from({ length: 256 }, (_, i) => STRATA.indexOf(i as (typeof STRATA)[number]));
  eachBit(present, (pfn, place) => {
    const number = classes[place] as number;
    const stratum = stratumOf[number] as number;
    if (stratum < 0) return;
    const ordinal = seen[number] as number;
    seen[number] = ordinal + 1;
    const at = found[stratum] as number;
    if ((drawn[stratum] as Float64Array)[at] !== ordinal) return;
    (pfns[stratum] as Float64Array)[at] = pfn;
    found[stratum] = at + 1;
  });
  const total = pfns.reduce((sum, { length }) => sum + length, 0);
  const strata: Stratum[] = [];
  let before = 0;
  for (const [i, number] of STRATA.entries()) {
    const done = (pages: number) => onProgress?.("sample", before + pages, total);
    const sizes = await samplePages(dump, pfns[i] as Float64Array, codecs, signal, done);
    strata.push({ number, pages: counts[number] as number, sizes });
    before += (pfns[i] as Float64Array).length;
  }
  return strata;
}

/** Calls `visit` for every page whose bit is set, with its place. Takes about 2 ns each. */
function eachBit({ stretches, bytes }: PageBitmap, visit: (pfn: number, place: number) => void): void {
  for (let i = 0; i < stretches.count; i++) {
    const first = stretches.source[i] as number;
    const shift = (stretches.start[i] as number) - first;
    const end = (stretches.end[i] as number) - shift;
    for (let byte = first / 8; byte * 8 < end; byte++) {
      const bits = bytes[byte] as number;
      if (bits === 0) continue;
      const place = byte * 8;
      for (let bit = 0; bit < 8; bit++) if ((bits & (1 << bit)) !== 0) visit(place + bit + shift, place + bit);
    }
  }
}

/** What an output of this level would take. `strata` need not have the classes that the level drops. */
export function levelEstimate(
  level: number,
  facts: DumpFacts,
  strata: readonly Stratum[],
  codecs: readonly Codec[],
): LevelEstimate {
  const policy = policyOfLevel(level);
  const dropped = new Map<number, boolean>([
    [CACHE, policy.cache || policy.cachePrivate],
    [CACHE_PRIVATE, policy.cachePrivate],
    [USER, policy.user],
    [FREE, policy.free],
  ]);
  const kept = strata.filter(({ number, pages }) => pages > 0 && dropped.get(number) !== true);
  const pages = kept.reduce((sum, stratum) => sum + stratum.pages, 0);
  const { pageSize, eraseinfo } = facts;
  const { pagesAt, zeroPageAt } = kdumpLayout(facts, pages);
  const sharesZeros = zeroPageAt !== undefined;
  const fixed = pagesAt + (eraseinfo?.length ?? 0);
  const risk = RISK / Math.max(1, kept.length);
  const zeros = kept.map(({ sizes, pages: population }) => totalOf({ values: sizes.zero, most: 1, population }, risk));
  const zeroPages = Math.round(zeros.reduce((sum, total) => sum + total.sum, 0));
  const zeroError = Math.ceil(zeros.reduce((sum, total) => sum + total.error, 0));
  const sizes = codecs.map(({ name }, codec): SizeEstimate => {
    let bytes = fixed;
    let error = 0;
    for (const { sizes: sampled, pages: population } of kept) {
      const stored = sampled.stored[codec] as Float64Array;
      if (name === "none" && !sharesZeros) bytes += population * pageSize;
      else {
        const values = sharesZeros ? stored.map((size, i) => (sampled.zero[i] === 1 ? 0 : size)) : stored;
        const total = totalOf({ values, most: pageSize, population }, risk);
        bytes += total.sum;
        error += total.error;
      }
    }
    return { codec: name, bytes: Math.round(bytes), error: Math.ceil(error) };
  });
  const counted = sharesZeros ? { pages: pages - zeroPages, pagesError: zeroError } : { pages, pagesError: 0 };
  const memory = { memoryBytes: counted.pages * pageSize, memoryError: counted.pagesError * pageSize };
  return { level, ...counted, ...{ zeroPages, sizes }, ...memory };
}
