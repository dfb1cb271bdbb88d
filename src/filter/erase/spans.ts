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
    const order = Array.from({ length: this.count }, (_, i) => i);
    const startOf = (i: number) => this.#values[2 * i] as number;
    order.sort((a, b) => startOf(a) - startOf(b));
    const joined: number[] = [];
    for (const i of order) {
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

/** The first span that ends above `paddr`. */
function firstBehind({ end }: EraseSpans, paddr: number): number {
  return firstIndex(end.length, (i) => (end[i] as number) > paddr);
}

/** Overwrites what of `bytes`, which lie at `paddr`, is to be erased. A binary search, and what there is to fill. */
export function overwrite(spans: EraseSpans, bytes: Uint8Array, paddr: number): void {
  const limit = paddr + bytes.length;
  for (let i = firstBehind(spans, paddr); i < spans.start.length && (spans.start[i] as number) < limit; i++) {
    bytes.fill(
      spans.fill,
      Math.max(0, (spans.start[i] as number) - paddr),
      Math.min((spans.end[i] as number) - paddr, bytes.length),
    );
  }
}

/** Bytes of the spans, and of those that are in pages which go into the output. */
export function countErased(
  { start, end }: EraseSpans,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
  pageSize: number,
): { bytes: number; overwritten: number } {
  let bytes = 0;
  let overwritten = 0;
  for (let i = 0; i < start.length; i++) {
    bytes += (end[i] as number) - (start[i] as number);
    let at = start[i] as number;
    const last = Math.min(end[i] as number, maxMapnr * pageSize);
    while (at < last) {
      const pfn = Math.floor(at / pageSize);
      const next = Math.min((pfn + 1) * pageSize, last);
      if (testBit(kept, pfn)) overwritten += next - at;
      at = next;
    }
  }
  return { bytes, overwritten };
}
