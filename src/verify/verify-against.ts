import { codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { marksFreePages } from "../filter/free-lists.js";
import { CLASS_NUMBERS, type ClassCounts, classCounts, KEPT } from "../filter/page-classes.js";
import type { PagePlan } from "../filter/plan.js";
import { MAX_LEVEL, policyOfLevel } from "../filter/policy.js";
import { readEraseRecord } from "../filter/privacy/privacy-record.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import { dropUnusedVmemmap } from "../filter/unused-vmemmap.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { OPTION } from "../option-words.js";
import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import {
  clearBits,
  copyBits,
  copyOfBitmap,
  countBits,
  findBit,
  type PageBitmap,
  sharedBitmap,
} from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { isLive } from "../reader/source/input-changed.js";
import type { GivenFile } from "../reader/source/side-file.js";
import { joinStretches } from "../reader/stretches.js";
import { checkedPlan, classify, dropListed, scanPools } from "../run/classify.js";
import { dropZeros } from "../run/drop-zeros.js";
import type { Session } from "../run/own-session.js";
import { Warnings } from "../warnings.js";
import { keptRanges } from "../worker/chunks.js";
import { classifyPages } from "../worker/classify-pages.js";
import { inOrder, WorkerPool } from "../worker/pool.js";
import { readAhead } from "../worker/read-ahead.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Findings } from "./findings.js";

/** How a dump compares with its original. Numbers are pages. */
export interface Comparison {
  readonly original: readonly string[];
  /** Pages of both that are equal byte for byte. */
  readonly same: number;
  readonly different: number;
  /**
   * Pages that differ only in bytes that erasing writes, in a dump whose eraseinfo says that data were erased; not
   * counted in `different`. The eraseinfo does not say where, so any such byte may be erased data.
   */
  readonly erased: number;
  /** Pages of the dump that the original does not have. */
  readonly unknown: number;
  /** Pages that both should have, but that one of them cannot provide. */
  readonly notCompared: number;
  /** Pages of the original that the dump does not have. */
  readonly missing: number;
  /** The level that must explain them: the dump's own; 31 for an ELF dump, which does not record its level. */
  readonly level: number;
  /** Whether the dump's eraseinfo says that it was made with `--privacy`: then there are also privacy's classes. */
  readonly privacy: boolean;
  /**
   * The missing pages by class; `kept` counts those that the level does not explain. `undefined` if the classes are not
   * known.
   */
  readonly classes: ClassCounts | undefined;
  /** Missing pages beyond the kernel's memory map (firmware). */
  readonly beyondMemMap: number;
}

/** Pages of a task. */
const COMPARE_PAGES = 4096;
/** The most differing pages that findings name. */
const MAX_NAMED = 1000;

/** What the comparison needs. */
export interface CompareContext {
  readonly threads: WorkerThreads;
  readonly signal: AbortSignal | undefined;
  readonly findings: Findings;
  /** The original's vmlinux, if one was given. */
  readonly vmlinux: GivenFile | undefined;
  /** Called with the number of pages compared and the total. */
  readonly done: (pages: number, of: number) => void;
}

/**
 * Compares a dump page by page with its original. `given` are the pages that the dump can provide, `promisedByFile`
 * those that it should. Both dumps must be complete (`completeWithKernel`).
 */
export async function compareDumps(
  dump: Dump,
  session: Session,
  given: PageBitmap,
  promisedByFile: PageBitmap,
  context: CompareContext,
): Promise<Comparison> {
  const { dump: original } = session;
  if (dump.pageSize !== original.pageSize) {
    throw new DumpError("BAD_OPTION", `has pages of ${original.pageSize} bytes, the dump of ${dump.pageSize}`, {
      file: original.paths[0] ?? "",
      cure: "Name the dump that it was made from",
    });
  }
  const { findings } = context;
  const isRaw = dump.header.format === "raw";
  const readable = isRaw ? await withoutZeros(dump, given, context) : given;
  const promised = isRaw ? readable : promisedByFile;
  const pages = Math.max(dump.maxMapnr, original.maxMapnr);
  const stretches = joinStretches(readable.stretches, stretchesOf(original.image), pages);
  const [theirs, both] = [sharedBitmap(stretches), sharedBitmap(stretches)];
  fillBitmaps(original.image, { data: theirs });
  // First without the pages of the original.
  copyBits(promised, both);
  clearSame(both, theirs);
  const unknown = found(both, pages);
  both.bytes.fill(0);
  copyBits(readable, both);
  keepTouchable(both, theirs, session);
  if (unknown.count > 0) {
    const message = "pages that the original does not have";
    findings.add({ kind: "unknown-page", message, file: dump.paths[0] ?? "", pfn: unknown.first }, unknown.count);
  }
  const record = readEraseRecord(dump.eraseinfo);
  const { different, erased, compared, unreadable } = await compareBoth(
    dump,
    original,
    both,
    pages,
    record.fills,
    context,
  );
  // The same bitmaps, for what nobody needs any more: each takes 32 MiB per TiB.
  both.bytes.fill(0);
  copyBits(promised, both);
  clearSame(theirs, both);
  const missing = found(theirs, pages);
  const level = dump.header.format === "kdump" ? dump.header.dumpLevel : MAX_LEVEL;
  const isKdump = dump.header.format === "kdump";
  // Only a kdump header says whether struct pages were left out (`-e`). In other formats they may have been.
  const lacksStructPages = !isKdump || dump.header.lacksStructPages === true;
  const madeBy = { level, dropsZeros: !isKdump, privacy: record.privacy, lacksStructPages };
  const explained = await explain(session, theirs, pages, madeBy, context);
  const lost = explained.rest;
  if (lost.count > 0) {
    const message = `pages of the original that are missing, and that level ${level}${explained.privacy ? ` with ${OPTION.privacy}` : ""} does not explain`;
    findings.add({ kind: "lost-page", message, file: dump.paths[0] ?? "", pfn: lost.first }, lost.count);
  }
  return {
    original: original.paths,
    same: compared - different - erased - unreadable,
    different,
    erased,
    unknown: unknown.count,
    notCompared: unreadable,
    missing: missing.count,
    level,
    privacy: explained.privacy,
    classes: explained.classes,
    beyondMemMap: explained.beyondMemMap,
  };
}

/** In bare memory, pages of zeros may be dropped pages, or no memory at all: they cannot be distinguished. */
async function withoutZeros(dump: Dump, given: PageBitmap, { threads, signal }: CompareContext): Promise<PageBitmap> {
  const kept = copyOfBitmap(given);
  const run = { image: dump.image, pageSize: dump.pageSize, kept, kernel: undefined };
  const pool = new WorkerPool(threads, { ...run, codec: codecOf("none", undefined), dedupe: false }, signal);
  try {
    await dropZeros(pool, { kept, maxMapnr: dump.maxMapnr, dropped: new Array<number>(CLASS_NUMBERS).fill(0) });
  } finally {
    await pool.end();
  }
  return kept;
}

async function compareBoth(
  dump: Dump,
  original: Dump,
  both: PageBitmap,
  pages: number,
  fills: readonly number[],
  { threads, signal, findings, done }: CompareContext,
) {
  const run = {
    image: dump.image,
    other: original.image,
    pageSize: dump.pageSize,
    kept: both,
    kernel: undefined,
    fills,
  };
  const pool = new WorkerPool(threads, { ...run, codec: codecOf("none", undefined), dedupe: false }, signal);
  const total = countBits(both, 0, pages);
  let [compared, different, erased, unreadable, named] = [0, 0, 0, 0, 0];
  try {
    const compare = (range: { startPfn: number; endPfn: number }) => pool.compare(range);
    const theirs = readAhead({ image: original.image, pageSize: dump.pageSize, kept: both, kernel: undefined });
    const tasks = pool.readAhead.pages(theirs.pages(keptRanges(both, pages, COMPARE_PAGES)));
    for await (const result of inOrder(tasks, compare, pool.inFlight)) {
      compared += result.pages;
      different += result.different;
      erased += result.erased;
      unreadable += result.unreadable;
      for (const pfn of named < MAX_NAMED ? result.differing : []) {
        named++;
        const message = "its bytes are not those of the original";
        findings.add({ kind: "different-page", message, file: dump.paths[0] ?? "", pfn }, 0);
      }
      findings.count("different-page", result.different);
      done(compared, total);
    }
  } finally {
    await pool.end();
  }
  return { compared, different, erased, unreadable };
}

/** How a dump was made, as far as that is known. */
interface MadeBy {
  readonly level: number;
  readonly dropsZeros: boolean;
  readonly privacy: boolean;
  readonly lacksStructPages: boolean;
}

/** Finds the missing pages that the level explains: the original's own struct pages have their classes. */
async function explain(
  session: Session,
  missing: PageBitmap,
  pages: number,
  { level, dropsZeros, privacy, lacksStructPages }: MadeBy,
  { threads, signal, vmlinux }: CompareContext,
) {
  const { dump: original } = session;
  if (session.whyNoView !== undefined && session.whyNoView.code !== "CANNOT_FILTER") throw session.whyNoView;
  const secret = privacy && session.view !== undefined ? await privacyOf(original, session.view, vmlinux) : undefined;
  const run = { threads, signal };
  const { view, policy, plan: whole } = checkedPlan(session, policyOfLevel(level));
  const plan: PagePlan = { ...whole, kept: missing };
  const absent = lacksStructPages ? copyOfBitmap(missing) : undefined;
  const beyondMemMap = clearBits(missing, plan.maxMapnr, pages) + clearBits(missing, 0, plan.firstPfn);
  if (view !== undefined) {
    // Classifies all pages first, like a filter run: a class that the run would not have dropped, after its checks,
    // explains no missing page.
    const wanted = { ...policy, ...(secret && { privacy: secret }) };
    const warnings = new Warnings();
    const all = scanPools(original, view, whole.kept, run);
    const decided = await classify({ dump: original, view, plan: whole, policy: wanted, warnings, poolOf: all });
    await decided.pool.end();
    plan.dropped.fill(0);
    const { needed } = decided.policy;
    if (decided.policy.free && !marksFreePages(view.layout))
      dropListed({ dump: original, view, plan, warnings, needed });
    const pool = scanPools(original, view, missing, run)(decided.policy);
    try {
      await classifyPages(pool, plan, warnings, () => undefined, decided.policy);
    } finally {
      await pool.end();
    }
  }
  if (dropsZeros) {
    const pool = scanPools(original, undefined, missing, run)(policy);
    try {
      await dropZeros(pool, { ...plan, maxMapnr: pages });
    } finally {
      await pool.end();
    }
  }
  let left = 0;
  if (view !== undefined && absent !== undefined) {
    const without = { ...plan, exists: absent, kept: sharedBitmap(absent.stretches) };
    left = dropUnusedVmemmap(original, view, without, missing);
  }
  const rest = found(missing, pages);
  const counts = [...plan.dropped];
  counts[KEPT] = rest.count;
  const classes =
    view === undefined ? undefined : classCounts(counts, secret !== undefined, left > 0 ? ["unused-vmemmap"] : []);
  return { rest, beyondMemMap, classes, privacy: secret !== undefined };
}

/** Privacy is a large part of the program: loaded only where it is needed. */
async function privacyOf(original: Dump, view: KernelView, vmlinux: GivenFile | undefined) {
  const { privacyViewOfRun } = await import("../filter/privacy/private-pages.js");
  return privacyViewOfRun(original, view, vmlinux);
}

/** Clears the bits of `from` that are set in `other`. Both must have the same stretches. */
function clearSame(from: PageBitmap, other: PageBitmap): void {
  const [bits, others] = [from.bytes, other.bytes];
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) & ~(others[i] as number);
}

/** Clears the bits of pages that the original does not have, and of those that must not be read in a machine's memory. */
function keepTouchable(both: PageBitmap, theirs: PageBitmap, { dump: original, view }: Session): void {
  const isUsed = view !== undefined && isLive(original.image);
  const touchable = isUsed ? copyOfBitmap(theirs) : theirs;
  if (isUsed) leaveOutUntouchable(original, view, touchable);
  const [bits, others] = [both.bytes, touchable.bytes];
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) & (others[i] as number);
}

/** How many bits are set, and the first of them. */
function found(bits: PageBitmap, pages: number): { readonly count: number; readonly first: number } {
  return { count: countBits(bits, 0, pages), first: findBit(bits, 0, pages, true) };
}
