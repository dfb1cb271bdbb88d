import { testBit } from "../../reader/bitmap.js";
import { firstIndex } from "../../reader/first-index.js";
import type { PagePlan } from "../plan.js";

/**
 * Physical addresses [start, end) that are filled with one byte: ascending, disjoint, in shared memory, so that every
 * thread has them.
 */
export interface EraseSpans {
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly fill: number;
  /** Each of them comes several times: `count` pieces, each `every` bytes behind the last; none lies among another's pieces. */
  readonly repeat?: { readonly every: Float64Array; readonly count: Float64Array };
}

/** What makedumpfile writes over erased data. */
export const ERASED = 0x58;

/** Pieces of memory of one run: 64 MiB. */
export const MAX_SPANS = 1 << 22;

/** Piles up pieces; neighbours that come one after the other are joined at once. */
export class SpanList {
  #values = new Float64Array(64);
  #length = 0;

  get count(): number {
    return this.#length / 2;
  }

  /** Bytes [start, start + length). */
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
    const startOf = (i: number) => this.#values[2 * i] as number;
    // Pieces of slabs come in their order: then nothing is to be sorted.
    let sorted = true;
    for (let i = 1; sorted && i < this.count; i++) sorted = startOf(i - 1) <= startOf(i);
    const order = sorted ? undefined : Uint32Array.from({ length: this.count }, (_, i) => i);
    order?.sort((a, b) => startOf(a) - startOf(b));
    const joined: number[] = [];
    for (let k = 0; k < this.count; k++) {
      const i = order === undefined ? k : (order[k] as number);
      const start = startOf(i);
      const end = this.#values[2 * i + 1] as number;
      const last = joined.length - 1;
      if (last > 0 && start <= (joined[last] as number)) joined[last] = Math.max(joined[last] as number, end);
      else joined.push(start, end);
    }
    const shared = () => new Float64Array(new SharedArrayBuffer((joined.length / 2) * 8));
    const [starts, ends] = [shared(), shared()];
    for (let i = 0; i < starts.length; i++)
      [starts[i], ends[i]] = [joined[2 * i] as number, joined[2 * i + 1] as number];
    return { start: starts, end: ends, fill };
  }
}

/** Piles up pieces that come several times, at equal distances: `EraseSpans.repeat`. */
export class RepeatedSpans {
  /** Start, length, distance, count of each. */
  #values = new Float64Array(64);
  #length = 0;

  get count(): number {
    return this.#length / FIELDS;
  }

  /** Bytes [start, start + length), and as many `every` bytes behind them, `count` times in all; `every` is not below `length`. */
  add(start: number, length: number, every: number, count: number): void {
    if (length <= 0 || count <= 0) return;
    if (this.#length + FIELDS > this.#values.length) {
      const more = new Float64Array(this.#values.length * 2);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values.set([start, length, every, count], this.#length);
    this.#length += FIELDS;
  }

  /**
   * All pieces, in lists that `overwrite` takes: most often one. Where some lie among another's (only what is damaged says so of two
   * slabs) they come into a list of their own.
   */
  spans(fill: number): EraseSpans[] {
    const value = (i: number, field: number) => this.#values[i * FIELDS + field] as number;
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    order.sort((a, b) => value(a, 0) - value(b, 0));
    const lists: { readonly of: number[]; end: number }[] = [];
    for (const i of order) {
      const [start, length, every, count] = [value(i, 0), value(i, 1), value(i, 2), value(i, 3)];
      let list = lists.find(({ end }) => end <= start);
      if (list === undefined) {
        list = { of: [], end: 0 };
        lists.push(list);
      }
      list.of.push(i);
      list.end = start + (count - 1) * every + length;
    }
    return lists.map(({ of }) => {
      const shared = (field: (i: number) => number) => {
        const array = new Float64Array(new SharedArrayBuffer(of.length * 8));
        of.forEach((i, k) => {
          array[k] = field(i);
        });
        return array;
      };
      return {
        start: shared((i) => value(i, 0)),
        end: shared((i) => value(i, 0) + value(i, 1)),
        fill,
        repeat: { every: shared((i) => value(i, 2)), count: shared((i) => value(i, 3)) },
      };
    });
  }
}

const FIELDS = 4;

/** Where the last piece of a span ends. */
function lastEnd({ end, repeat }: Pick<EraseSpans, "end" | "repeat">, i: number): number {
  const last = end[i] as number;
  return repeat === undefined ? last : last + ((repeat.count[i] as number) - 1) * (repeat.every[i] as number);
}

/** Tells of each piece of span `i` that lies, in part at least, in [from, to). */
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

/** Overwrites what of `bytes`, which lie at `paddr`, is to be erased. A binary search, and what there is to fill. */
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

/** Bytes of the spans, and of those that are in pages which go into the output. */
export function countErased(
  spans: Pick<EraseSpans, "start" | "end" | "repeat">,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
  pageSize: number,
): { bytes: number; overwritten: number } {
  let bytes = 0;
  let overwritten = 0;
  const countPiece = (start: number, end: number) => {
    bytes += end - start;
    let at = start;
    const last = Math.min(end, maxMapnr * pageSize);
    while (at < last) {
      const pfn = Math.floor(at / pageSize);
      const next = Math.min((pfn + 1) * pageSize, last);
      if (testBit(kept, pfn)) overwritten += next - at;
      at = next;
    }
  };
  const all = { from: 0, to: Number.POSITIVE_INFINITY };
  for (let i = 0; i < spans.start.length; i++) eachPiece(spans, i, all, countPiece);
  return { bytes, overwritten };
}
