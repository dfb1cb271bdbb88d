import type { KernelView } from "../kernel/kernel-view.js";
import { type KindReader, kindReader } from "../kernel/page/kind-reader.js";
import { KIND, PAGE_KINDS } from "../kernel/page/page-kinds.js";
import { RECORD_SIZE_MASK, ZERO_PAGE } from "../page-record.js";
import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import { findBit, type PageBitmap, sharedBitmap, testBit } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { type CellMap, CellMapBuilder } from "./cell-map.js";
import type { KindSample } from "./kind-sample.js";
import { mapSpans } from "./memory-spans.js";
import { HOLE } from "./page/payload.js";
import { ABSENT, DROPPED, mayBeHole, STORED, STORED_ZERO, stateOf } from "./page-states.js";

/** Sums for one kind of pages. */
export interface KindSum {
  /** Pages that the input has. */
  pages: number;
  /** Pages that the kernel knows but the input does not have. */
  absent: number;
  /** Pages in the output; pages of zeros that share their bytes are counted in `zero`. */
  kept: number;
  zero: number;
  dropped: number;
  /** Bytes of the kept pages in the output. */
  storedBytes: number;
}

/** Pages whose kinds are read at once. */
const WINDOW = 2 ** 15;

/**
 * Walks all pages once, in order, counts them and draws them on the map. Takes two bitmaps of memory (64 MiB per TiB)
 * and the map, and about 0.1 µs per page, mostly for finding its kind; pages without data of one kind are counted together, and those
 * without struct pages take next to nothing: a small file may claim terabytes of them.
 */
export class PageCollector {
  readonly #end: number;
  readonly #pageSize: number;
  readonly #exists: PageBitmap;
  readonly #data: PageBitmap;
  readonly #kindReader: KindReader | undefined;
  readonly #kinds = new Uint8Array(WINDOW);
  /** The first page whose kind is in `#kinds`. */
  #window = -WINDOW;
  /** No page before this one, from the current one on, has data, and all of them exist or none. */
  #alikeTo = 0;
  readonly #builder: CellMapBuilder;
  readonly #spans: readonly PfnRange[];
  #span = 0;
  #pfn: number;
  #state = HOLE;
  #run = 0;
  readonly #sample: KindSample | undefined;
  readonly sums: readonly KindSum[] = PAGE_KINDS.map(() => ({
    ...{ pages: 0, absent: 0, kept: 0, zero: 0, dropped: 0, storedBytes: 0 },
  }));

  /** Without a view all pages have the kind no-struct-page. `sample` gets every page of the input. */
  constructor(dump: Dump, view: KernelView | undefined, sample?: KindSample, maxCells?: number) {
    this.#end = dump.maxMapnr;
    this.#pageSize = dump.pageSize;
    this.#sample = sample;
    const stretches = stretchesOf(dump.image);
    this.#exists = sharedBitmap(stretches);
    this.#data = sharedBitmap(stretches);
    fillBitmaps(dump.image, { exists: this.#exists, data: this.#data });
    this.#kindReader = view && kindReader(dump, view);
    const sections = [];
    for (let i = 0; view !== undefined && i < view.memMap.count; i++) {
      sections.push({ startPfn: view.memMap.startPfn[i] as number, endPfn: view.memMap.endPfn[i] as number });
    }
    const map = mapSpans(this.#exists, this.#end, sections, maxCells);
    this.#builder = new CellMapBuilder(map);
    this.#spans = map.spans;
    this.#pfn = map.spans[0]?.startPfn ?? 0;
  }

  /**
   * Continues up to the page `end`. `kept` has the bits of pages in the output; `records` has a record for each of them
   * in order, if known.
   */
  advance(end: number, kept: PageBitmap | undefined, records?: Uint32Array): void {
    let record = 0;
    // `kept` may be another one.
    this.#alikeTo = 0;
    while (this.#span < this.#spans.length) {
      const span = this.#spans[this.#span] as { startPfn: number; endPfn: number };
      this.#pfn = Math.max(this.#pfn, span.startPfn);
      const to = Math.min(end, span.endPfn);
      for (; this.#pfn < to; this.#pfn++) {
        const pfn = this.#pfn;
        const kind = this.#kindAt(pfn);
        const sum = this.sums[kind] as KindSum;
        const alike = this.#withoutData(pfn, to, kept, kind);
        if (alike > 0) {
          const exists = testBit(this.#exists, pfn);
          if (exists || !mayBeHole(kind)) sum.absent += alike;
          const state = exists || !mayBeHole(kind) ? stateOf(kind, ABSENT) : HOLE;
          if (state !== this.#state) this.#flush(state);
          this.#run += alike;
          this.#pfn += alike - 1;
          continue;
        }
        const inDump = pfn < this.#end;
        let state = HOLE;
        if (inDump && kept !== undefined && testBit(kept, pfn)) {
          sum.pages++;
          const word = records === undefined ? this.#pageSize : (records[record++] as number);
          const fate = word === ZERO_PAGE ? STORED_ZERO : STORED;
          if (fate === STORED) sum.kept++;
          else sum.zero++;
          sum.storedBytes += word & RECORD_SIZE_MASK;
          this.#sample?.offer(kind, pfn);
          state = stateOf(kind, fate);
        } else if (inDump && testBit(this.#data, pfn)) {
          sum.pages++;
          sum.dropped++;
          this.#sample?.offer(kind, pfn);
          state = stateOf(kind, DROPPED);
        } else if ((inDump && testBit(this.#exists, pfn)) || !mayBeHole(kind)) {
          sum.absent++;
          state = stateOf(kind, ABSENT);
        }
        if (state !== this.#state) this.#flush(state);
        this.#run++;
      }
      if (to < span.endPfn) return;
      this.#span++;
    }
  }

  /** Finishes the map: the remaining pages are not in the output. */
  finish(): CellMap {
    this.advance(Number.MAX_SAFE_INTEGER, undefined);
    this.#flush(HOLE);
    return this.#builder.finish();
  }

  /** How many pages from `pfn` on are alike: without data, of this kind, and all exist or none. 0: it has data. */
  #withoutData(pfn: number, to: number, kept: PageBitmap | undefined, kind: number): number {
    if (pfn >= this.#alikeTo) {
      if (pfn >= this.#end || testBit(this.#data, pfn) || (kept !== undefined && testBit(kept, pfn))) return 0;
      const end = Math.min(to, this.#end, this.#window + WINDOW);
      const data = findBit(this.#data, pfn, end, true);
      const behind = kept === undefined ? data : findBit(kept, pfn, data, true);
      this.#alikeTo = findBit(this.#exists, pfn, behind, !testBit(this.#exists, pfn));
    }
    const kinds = this.#kinds;
    const end = this.#alikeTo - this.#window;
    let at = pfn + 1 - this.#window;
    while (at < end && kinds[at] === kind) at++;
    return at + this.#window - pfn;
  }

  #flush(next: number): void {
    if (this.#run > 0) this.#builder.add(this.#state, this.#run);
    this.#run = 0;
    this.#state = next;
  }

  #kindAt(pfn: number): number {
    if (pfn >= this.#window + WINDOW) {
      this.#window = pfn - (pfn % WINDOW);
      // Spans end at borders of blocks, which may be behind the last page.
      const end = Math.min(this.#window + WINDOW, this.#end);
      this.#kinds.fill(KIND["no-struct-page"]);
      if (end > this.#window) this.#kindReader?.read(this.#window, end, this.#kinds);
    }
    return this.#kinds[pfn - this.#window] as number;
  }
}
