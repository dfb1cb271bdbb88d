import { countBits, testBit } from "../../reader/bitmap.js";
import { firstIndex } from "../../sorted.js";
import type { PagePlan } from "../plan.js";

/**
 * Physical addresses [start, end) that are filled with one byte: ascending, disjoint, in shared memory, so that every
 * thread has them.
 */
export interface EraseSpans {
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly fill: number;
  /**
   * Span i is repeated: `count` pieces in all, each `every` bytes behind the previous one. The pieces of different
   * spans do not interleave.
   */
  readonly repeat?: { readonly every: Float64Array; readonly count: Float64Array };
}

/** The byte with which makedumpfile overwrites erased data. */
export const ERASED = 0x58;

/** The most pieces of memory in one run: 64 MiB. */
export const MAX_SPANS = 1 << 22;

/** Collects pieces; consecutive ones that touch are joined at once. */
export class SpanList {
  #values = new Float64Array(64);
  #length = 0;

  get count(): number {
    return this.#length / 2;
  }

  /** Adds the bytes [start, start + length). */
  add(start: number, length: number): void {
    if (this.#length > 0 && this.#values[this.#length - 1] === start) {
      this.#values[this.#length - 1] = start + length;
      return;
    }
    if (this.#length === this.#values.length) {
      const more = new Float64Array(this.#length * 2);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#length] = start;
    this.#values[this.#length + 1] = start + length;
    this.#length += 2;
  }

  addAll({ start, end }: Pick<EraseSpans, "start" | "end">): void {
    for (let i = 0; i < start.length; i++) this.add(start[i] as number, (end[i] as number) - (start[i] as number));
  }

  /** All pieces in order, without overlaps. */
  merged(fill: number): EraseSpans {
    const values = this.#values;
    const count = this.#length / 2;
    const order = inOrder(values, 2, count);
    const shared = () => new Float64Array(new SharedArrayBuffer(count * 8));
    const [start, end] = [shared(), shared()];
    let pieces = 0;
    let last = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < count; k++) {
      const i = order === undefined ? k : (order[k] as number);
      const from = values[2 * i] as number;
      const to = values[2 * i + 1] as number;
      if (from > last) start[pieces++] = from;
      else if (to <= last) continue;
      end[pieces - 1] = to;
      last = to;
    }
    return { start: start.subarray(0, pieces), end: end.subarray(0, pieces), fill };
  }
}

/**
 * Indexes of records in the order of their first field; `undefined` if they are in order already, as pieces of slabs
 * are.
 */
function inOrder(values: Float64Array, fields: number, count: number): Uint32Array | undefined {
  // The starts of ascending runs. There are few: one for each list that was added.
  let runs = [0];
  for (let i = 1; i < count; i++)
    if ((values[(i - 1) * fields] as number) > (values[i * fields] as number)) runs.push(i);
  if (runs.length === 1) return undefined;
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let into = new Uint32Array(count); runs.length > 1; [order, into] = [into, order]) {
    const joined: number[] = [];
    for (let r = 0; r < runs.length; r += 2) {
      const [from, middle, end] = [runs[r] as number, runs[r + 1] ?? count, runs[r + 2] ?? count];
      mergeRuns({ values, fields, order, into }, from, middle, end);
      joined.push(from);
    }
    runs = joined;
  }
  return order;
}

/** Merges the runs [from, middle) and [middle, end) of `order` into one run of `into`. */
function mergeRuns(
  {
    values,
    fields,
    order,
    into,
  }: {
    readonly values: Float64Array;
    readonly fields: number;
    readonly order: Uint32Array;
    readonly into: Uint32Array;
  },
  from: number,
  middle: number,
  end: number,
): void {
  let [a, b] = [from, middle];
  for (let k = from; k < end; k++) {
    const first =
      b >= end ||
      (a < middle &&
        (values[(order[a] as number) * fields] as number) <= (values[(order[b] as number) * fields] as number));
    into[k] = order[first ? a++ : b++] as number;
  }
}

/** Collects pieces that are repeated at equal distances: `EraseSpans.repeat`. */
export class RepeatedSpans {
  /** Start, length, distance and count of each. */
  #values = new Float64Array(64);
  #length = 0;

  get count(): number {
    return this.#length / FIELDS;
  }

  /**
   * Adds the bytes [start, start + length), and the same number of bytes `every` bytes behind them, `count` times in
   * all; `every` is at least `length`.
   */
  add(start: number, length: number, every: number, count: number): void {
    if (length <= 0 || count <= 0) return;
    if (this.#length + FIELDS > this.#values.length) {
      const more = new Float64Array(this.#values.length * 2);
      more.set(this.#values);
      this.#values = more;
    }
    const [values, at] = [this.#values, this.#length];
    values[at] = start;
    values[at + 1] = length;
    values[at + 2] = every;
    values[at + 3] = count;
    this.#length += FIELDS;
  }

  /**
   * All pieces, in lists for `overwrite`: mostly one. If pieces interleave with another's (only in damaged data, for
   * two slabs), they get a separate list.
   */
  spans(fill: number): EraseSpans[] {
    const value = (i: number, field: number) => this.#values[i * FIELDS + field] as number;
    const order = inOrder(this.#values, FIELDS, this.count);
    const lists: { readonly of: number[]; end: number }[] = [];
    for (let k = 0; k < this.count; k++) {
      const i = order === undefined ? k : (order[k] as number);
      const start = value(i, 0);
      let at = 0;
      while (at < lists.length && (lists[at] as (typeof lists)[number]).end > start) at++;
      const list = lists[at] ?? { of: [], end: 0 };
      if (at === lists.length) lists.push(list);
      list.of.push(i);
      list.end = start + (value(i, 3) - 1) * value(i, 2) + value(i, 1);
    }
    return lists.map(({ of }) => {
      const shared = () => new Float64Array(new SharedArrayBuffer(of.length * 8));
      const [start, end, every, count] = [shared(), shared(), shared(), shared()];
      for (let k = 0; k < of.length; k++) {
        const i = of[k] as number;
        start[k] = value(i, 0);
        end[k] = value(i, 0) + value(i, 1);
        every[k] = value(i, 2);
        count[k] = value(i, 3);
      }
      return { start, end, fill, repeat: { every, count } };
    });
  }
}

const FIELDS = 4;

/** The end of a span's last piece. */
function lastEnd({ end, repeat }: Pick<EraseSpans, "end" | "repeat">, i: number): number {
  const last = end[i] as number;
  return repeat === undefined ? last : last + ((repeat.count[i] as number) - 1) * (repeat.every[i] as number);
}

/** Calls `use` for each piece of span `i`; of a repeated span, for the pieces that overlap [from, to). */
function eachPiece(
  { start, end, repeat }: Pick<EraseSpans, "start" | "end" | "repeat">,
  i: number,
  { from, to }: { readonly from: number; readonly to: number },
  use: (start: number, end: number) => void,
): void {
  const [first, behind] = [start[i] as number, end[i] as number];
  if (repeat === undefined) {
    use(first, behind);
    return;
  }
  const every = repeat.every[i] as number;
  const count = repeat.count[i] as number;
  for (let k = Math.max(0, Math.floor((from - behind) / every) + 1); k < count; k++) {
    if (first + k * every >= to) return;
    use(first + k * every, behind + k * every);
  }
}

/**
 * Overwrites the part of `bytes`, whose address is `paddr`, that must be erased. Costs a binary search, and the
 * filling.
 */
export function overwrite(spans: EraseSpans, bytes: Uint8Array, paddr: number): void {
  const limit = paddr + bytes.length;
  const { start, fill } = spans;
  const fillPiece = (from: number, to: number) => {
    bytes.fill(fill, Math.max(0, from - paddr), Math.min(to - paddr, bytes.length));
  };
  for (
    let i = firstIndex(start.length, (i) => lastEnd(spans, i) > paddr);
    i < start.length && (start[i] as number) < limit;
    i++
  ) {
    eachPiece(spans, i, { from: paddr, to: limit }, fillPiece);
  }
}

/** Counts the bytes of the spans, and those in pages that are kept. */
export function countErased(
  spans: Pick<EraseSpans, "start" | "end" | "repeat">,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
  pageSize: number,
): { bytes: number; overwritten: number } {
  const { start, end, repeat } = spans;
  const limit = maxMapnr * pageSize;
  /** Whether all pages of [from, to) are kept, as those of most slabs are. */
  const isKeptFrom = (from: number, to: number) => {
    const [first, behind] = [Math.floor(from / pageSize), Math.ceil(to / pageSize)];
    return behind <= maxMapnr && countBits(kept, first, behind) === behind - first;
  };
  let bytes = 0;
  let overwritten = 0;
  // Most pieces are in the same page as the previous one.
  let [pageStart, pageEnd, isKept] = [0, 0, false];
  for (let i = 0; i < start.length; i++) {
    const length = (end[i] as number) - (start[i] as number);
    const count = repeat === undefined ? 1 : (repeat.count[i] as number);
    const every = repeat === undefined ? 0 : (repeat.every[i] as number);
    bytes += length * count;
    if (count > 1 && isKeptFrom(start[i] as number, (start[i] as number) + (count - 1) * every + length)) {
      overwritten += length * count;
      continue;
    }
    for (let k = 0; k < count; k++) {
      const from = (start[i] as number) + k * every;
      const last = Math.min(from + length, limit);
      for (let at = from; at < last; at = Math.min(pageEnd, last)) {
        if (at < pageStart || at >= pageEnd) {
          const pfn = Math.floor(at / pageSize);
          pageStart = pfn * pageSize;
          pageEnd = pageStart + pageSize;
          isKept = testBit(kept, pfn);
        }
        if (isKept) overwritten += Math.min(pageEnd, last) - at;
      }
    }
  }
  return { bytes, overwritten };
}
