import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../errors.js";
import { marksFreePages } from "../filter/free-lists.js";
import { FREE, PAGE_CLASSES, type PageClass } from "../filter/page-classes.js";
import type { PagePlan } from "../filter/plan.js";
import { MAX_LEVEL, type Policy, policyOfLevel, type ScanPolicy } from "../filter/policy.js";
import { neededPages } from "../filter/self-check/kept-by-need.js";
import { checkFreeCount, needsFreeCount } from "../filter/self-check/self-check.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { kindReader } from "../kernel/page/kind-reader.js";
import { structPageAddress } from "../kernel/page/mem-map.js";
import { PAGE_KINDS, type PageKind } from "../kernel/page/page-kinds.js";
import {
  aDump,
  anyOf,
  aSignal,
  checkArgument,
  checkGiven,
  closedProblem,
  listOf,
  maybe,
  type Shape,
} from "../option-shape.js";
import { bytesAt, clearBits, copyOfBitmap, findBit, type PageBitmap } from "../reader/bitmap.js";
import { findBitIn, testBitIn } from "../reader/bits.js";
import type { Dump } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { readPages } from "../reader/physical-memory.js";
import { checkUnchanged } from "../reader/source/input-changed.js";
import { aLevel } from "../run/check-values.js";
import { checkedPlan, dropListed } from "../run/classify.js";
import { type ViewedSession, withView } from "../run/own-session.js";
import { openSessionAwake } from "../run/session.js";
import { aWarnings, Warnings } from "../warnings.js";
import { evenRanges } from "../worker/chunks.js";
import { otherPages, SCAN_PAGES } from "../worker/classify-pages.js";
import { type ScanState, scanPages, scanState } from "../worker/scan.js";
import type { ScanResult } from "../worker/tasks.js";

/** Which pages to return. */
export interface PagesOptions extends CompleteOptions {
  /** The dump level that decides about `kept`, 0 to 31. Default: 31. */
  readonly level?: number;
  /** Only pages of these classes. */
  readonly classes?: readonly PageClass[];
  /** Only pages of these kinds. */
  readonly kinds?: readonly PageKind[];
  /** Where the run's warnings go: give the `Warnings` that `openDump` was given, and one list has all. */
  readonly warnings?: Warnings;
  /** Ends the walk with an `ABORTED` error. */
  readonly signal?: AbortSignal;
}

const PAGES: Shape<PagesOptions> = {
  ...COMPLETE_SHAPE,
  level: maybe(aLevel),
  classes: maybe(listOf(anyOf(...PAGE_CLASSES))),
  kinds: maybe(listOf(anyOf(...PAGE_KINDS))),
  warnings: aWarnings,
  signal: maybe(aSignal),
};

/**
 * Consecutive pages, without an object for each. Page i has the pfn `startPfn + i`. The arrays are reused: they are
 * valid until the next chunk is requested.
 */
export interface PageChunk {
  /** A multiple of 8. */
  readonly startPfn: number;
  /** Pages in the chunk, whether the dump has them or not. */
  readonly count: number;
  /** Bits of the pages that the dump has: page i has bit i & 7 of byte i >> 3. */
  readonly present: Uint8Array;
  /**
   * Bits of the pages that filtering at `level` keeps, judged by struct pages only: pages of zeros are not recognised.
   */
  readonly kept: Uint8Array;
  /** The class of each page at level 31: indexes into `PAGE_CLASSES`. */
  readonly classes: Uint8Array;
  /** The kind of each page by its struct page: indexes into `PAGE_KINDS`. */
  readonly kinds: Uint8Array;
}

/** A page of a dump. The object stays valid; its bytes are read at each call of `read`. */
export class DumpPage {
  /**
   * The class as which level 31 drops it; `kept` if it does not. A page of zeros has the class that it would have with
   * other content.
   */
  readonly class: PageClass;
  // Not parameter properties: a page is printed, cloned and sent to threads without its dump.
  readonly #dump: Dump;
  readonly #view: KernelView;

  /** @internal */
  constructor(
    /** Page frame number: physical address divided by page size. */
    readonly pfn: number,
    pageClass: PageClass,
    /** Its kind by its struct page: finer than the class. */
    readonly kind: PageKind,
    /**
     * Whether filtering at the chosen level keeps it. For a page of zeros: whether it would be kept with other content.
     */
    readonly kept: boolean,
    dump: Dump,
    view: KernelView,
  ) {
    this.class = pageClass;
    this.#dump = dump;
    this.#view = view;
  }

  /** Physical address of its first byte. */
  get paddr(): number {
    return this.pfn * this.#dump.pageSize;
  }

  /** Kernel virtual address of its struct page; `undefined` if it has none. */
  get structAddress(): bigint | undefined {
    return structPageAddress(this.#view.memMap, this.#view.layout.size, this.pfn);
  }

  /** Its bytes. Throws `CORRUPT`, `TRUNCATED`, `CODEC_MISSING` for pages that cannot be decoded. */
  read(): Uint8Array {
    const bytes = new Uint8Array(this.#dump.pageSize);
    readPages(this.#dump.memory, this.paddr, bytes);
    return bytes;
  }
}

/**
 * The pages that a dump has and for which its kernel has struct pages, by ascending pfn, each with its class and kind.
 * Costs 0.5 microseconds per page; `pageChunksOf` has no object and no promise for each, and takes a third of that.
 * Memory: five bitmaps (160 MiB per TiB) and a few MiB. Throws what `pageChunksOf` throws.
 */
export async function* pagesOf(dump: Dump, options: PagesOptions = {}): AsyncGenerator<DumpPage, void, undefined> {
  checkGiven(options, PAGES);
  checkArgument("dump", dump, aDump);
  const kinds = wanted(PAGE_KINDS, options.kinds);
  const classes = wanted(PAGE_CLASSES, options.classes);
  const walk = await Walk.open(dump, options);
  for await (const chunk of walk.chunks()) {
    const { startPfn, count, present } = chunk;
    for (let i = findBitIn(present, 0, count, true); i < count; i = findBitIn(present, i + 1, count, true)) {
      const [kind, pageClass] = [chunk.kinds[i] as number, chunk.classes[i] as number];
      if (kinds[kind] !== 1 || classes[pageClass] !== 1) continue;
      yield new DumpPage(
        startPfn + i,
        PAGE_CLASSES[pageClass] as PageClass,
        PAGE_KINDS[kind] as PageKind,
        testBitIn(chunk.kept, i),
        walk.dump,
        walk.view,
      );
    }
  }
}

/**
 * Like `pagesOf`, in chunks of 131,072 pages: 0.15 microseconds per page (a dump of 5 GiB with two nodes). Throws
 * `CANNOT_FILTER` with what is missing if the kernel's struct pages are not found, `BAD_OPTION` for an invalid level,
 * `ABORTED`.
 */
export async function* pageChunksOf(
  dump: Dump,
  options: Omit<PagesOptions, "classes" | "kinds"> = {},
): AsyncGenerator<PageChunk, void, undefined> {
  const { classes: _, kinds: __, ...shape } = PAGES;
  checkGiven(options, shape);
  checkArgument("dump", dump, aDump);
  yield* (await Walk.open(dump, options)).chunks();
}

/** 1 at the indexes of the chosen names; of all names, if none are chosen. */
function wanted<T extends string>(names: readonly T[], chosen: readonly T[] | undefined): Uint8Array {
  return Uint8Array.from(names, (name) => (chosen === undefined || chosen.includes(name) ? 1 : 0));
}

/** A block that continues in later pages. */
type Rest = NonNullable<ScanResult["rest"]>;

class Walk {
  readonly dump: Dump;
  readonly view: KernelView;
  readonly #warnings: Warnings;
  readonly #signal: AbortSignal | undefined;
  readonly #plan: PagePlan;
  /** Bits of the pages of the dump. */
  readonly #present: PageBitmap;
  readonly #asked: Policy;
  /** What level 31 may drop after the self-check. */
  readonly #usable: Policy;
  readonly #classes = new Uint8Array(SCAN_PAGES);

  static async open(input: Dump, options: PagesOptions): Promise<Walk> {
    const warnings = options.warnings ?? new Warnings();
    const asked = policyOfLevel(options.level ?? MAX_LEVEL);
    const session = withView(await openSessionAwake(input, { ...options, warnings }));
    return new Walk(session, asked, options.signal);
  }

  private constructor(session: ViewedSession, asked: Policy, signal: AbortSignal | undefined) {
    this.#asked = asked;
    const { view = session.view, policy, plan } = checkedPlan(session, policyOfLevel(MAX_LEVEL));
    this.dump = session.dump;
    this.view = view;
    this.#warnings = session.warnings;
    this.#signal = signal;
    this.#plan = plan;
    this.#present = copyOfBitmap(plan.kept);
    this.#usable = policy;
  }

  async *chunks(): AsyncGenerator<PageChunk, void, undefined> {
    const [all, level] = await this.#passes();
    try {
      yield* this.#classified(all, level);
    } finally {
      all.end();
      if (level !== all) level.end();
    }
  }

  async *#classified(all: Pass, level: Pass): AsyncGenerator<PageChunk, void, undefined> {
    const reader = kindReader(this.dump, this.view);
    const kinds = new Uint8Array(SCAN_PAGES);
    const classes = this.#classes;
    for (const { startPfn, endPfn } of this.#ranges()) {
      const closed = closedProblem(this.dump);
      if (closed !== undefined) throw closed;
      const bits = (bitmap: PageBitmap) => bytesAt(bitmap, startPfn, endPfn) as Uint8Array;
      reader.read(startPfn, endPfn, kinds);
      if (findBit(this.#present, startPfn, endPfn, true) === endPfn) continue;
      classes.fill(0);
      this.#setClassOfListed(bits(this.#present), bits(all.kept));
      all.scan(startPfn, endPfn, classes);
      if (level !== all) level.scan(startPfn, endPfn, undefined);
      const [present, kept] = [bits(this.#present), bits(level.kept)];
      yield { startPfn, count: endPfn - startPfn, present, kept, classes, kinds };
      await setImmediate();
    }
    // Who has all pages may have closed it.
    if (closedProblem(this.dump) === undefined) checkUnchanged(this.dump, this.#warnings);
  }

  *#ranges(): Generator<PfnRange, void, undefined> {
    for (const range of evenRanges(this.#plan.kept, this.#plan.maxMapnr, SCAN_PAGES)) {
      throwIfAborted(this.#signal);
      yield range;
    }
  }

  /**
   * The pass that gives the classes, and the pass that decides whether the chosen level keeps a page. At level 31 they
   * are the same.
   */
  async #passes(): Promise<[Pass, Pass]> {
    const { dump, view } = this;
    const plan = this.#plan;
    const start = copyOfBitmap(plan.kept);
    const byMark = marksFreePages(view.layout);
    const needed = neededPages(dump, view, plan);
    const policy = { ...this.#usable, free: this.#usable.free && (!byMark || (await this.#freeMarksAreRight())) };
    if (policy.free && !byMark) dropListed({ dump, view, plan, warnings: this.#warnings, needed });
    const names = Object.keys(policy) as (keyof Policy)[];
    const asked = Object.fromEntries(names.map((name) => [name, this.#asked[name] && policy[name]]));
    const ofLevel = asked as unknown as Policy;
    const all = new Pass(dump, view, { ...policy, needed }, plan.kept);
    if (names.every((name) => ofLevel[name] === policy[name])) return [all, all];
    return [all, new Pass(dump, view, { ...ofLevel, needed }, ofLevel.free ? copyOfBitmap(plan.kept) : start)];
  }

  /**
   * Whether the marks of free pages are right. If only the number of free pages can show that, all are counted, as a
   * filter run does after its scan.
   */
  async #freeMarksAreRight(): Promise<boolean> {
    const { dump, view } = this;
    if (!this.#usable.free || !needsFreeCount(dump, view)) return true;
    const { inputPages, beyondMemMap, kept } = this.#plan;
    const count = new Pass(dump, view, this.#usable, copyOfBitmap(kept));
    try {
      for (const { startPfn, endPfn } of this.#ranges()) {
        count.scan(startPfn, endPfn, undefined);
        await setImmediate();
      }
    } finally {
      count.end();
    }
    return checkFreeCount(dump, view, count.free, inputPages - beyondMemMap - count.unclassified, this.#warnings);
  }

  /** Gives their class to pages that were dropped already because they are on free lists. */
  #setClassOfListed(present: Uint8Array, kept: Uint8Array): void {
    for (let i = 0; i < present.length; i++) {
      const gone = (present[i] as number) & ~(kept[i] as number);
      if (gone === 0) continue;
      for (let bit = 0; bit < 8; bit++) if ((gone & (1 << bit)) !== 0) this.#classes[i * 8 + bit] = FREE;
    }
  }
}

/** Pass 1 of a filter run with one policy, in pieces. */
class Pass {
  /** Pages dropped as free so far. */
  free = 0;
  /** Pages so far whose struct page does not show what they are. */
  unclassified = 0;
  readonly #state: ScanState;
  #rest: readonly Rest[] = [];

  constructor(
    dump: Dump,
    view: KernelView,
    policy: ScanPolicy,
    readonly kept: PageBitmap,
  ) {
    const kernel = { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy };
    this.#state = scanState(dump.memory, dump.pageSize, kept, kernel);
  }

  end(): void {
    this.#state.classifier.end();
  }

  /** Classifies the pages [startPfn, endPfn), which must follow those of the previous call. */
  scan(startPfn: number, endPfn: number, classes: Uint8Array | undefined): void {
    const set = (from: Uint8Array, pfn: number) => {
      for (let i = 0; i < from.length; i++)
        if (from[i] !== 0 && classes) classes[pfn - startPfn + i] = from[i] as number;
    };
    const found = scanPages({ ...this.#state, classes: classes && { set } }, { startPfn, endPfn });
    const { rest, dropped, unreadable, withoutStructPage } = found;
    this.free += dropped[FREE] as number;
    this.unclassified += unreadable + withoutStructPage;
    for (const block of this.#rest) {
      for (const part of otherPages(this.#state.needed, startPfn, Math.min(block.endPfn, endPfn))) {
        const cleared = clearBits(this.kept, part.startPfn, part.endPfn);
        if (block.pageClass === FREE) this.free += cleared;
        for (let i = part.startPfn - startPfn; i < part.endPfn - startPfn && classes !== undefined; i++)
          if (classes[i] === 0) classes[i] = block.pageClass;
      }
    }
    this.#rest = [...this.#rest.filter((block) => block.endPfn > endPfn), ...(rest === undefined ? [] : [rest])];
  }
}
