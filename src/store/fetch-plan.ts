/** Bytes from `start` on, before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Bytes between two ranges that are fetched although nobody needs them, for a request less. docs/object-stores.md has the figures: a
 * request costs as much as so many bytes with a store in the same region.
 */
export const GAP = 131_072;

/** A range that is asked for is looked for in so many of the next pieces. */
const PIECES_LOOKED_AT = 8;

/** The bytes of an object that will be read, in the order in which they will be: ranges that were added are taken as pieces of requests. */
export class FetchPlan {
  /** Pairs of start and end, of which the first `#done` numbers are used up. */
  #queue: Float64Array[] = [];
  #done = 0;
  readonly #gap: number;

  constructor(gap: number = GAP) {
    this.#gap = gap;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  add(ranges: Float64Array): void {
    if (ranges.length > 0) this.#queue.push(ranges);
  }

  clear(): void {
    this.#queue = [];
    this.#done = 0;
  }

  /** The next piece, of at most `most` bytes: ranges with small gaps between them together. Taken off the plan. */
  next(most: number): ByteRange | undefined {
    const first = this.#peek();
    if (first === undefined) return undefined;
    const start = first.start;
    let end = start;
    for (let range: ByteRange | undefined = first; range !== undefined; range = this.#peek()) {
      if (range.start < end || (range !== first && range.start - end > this.#gap) || range.start - start >= most) break;
      if (range.end - start > most) {
        end = start + most;
        this.#cut(end);
        break;
      }
      end = range.end;
      this.#shift();
    }
    return { start, end };
  }

  /** The next pieces up to the one with bytes of [start, end), if that comes soon; otherwise none. Taken off the plan. */
  upTo(start: number, end: number, most: number): ByteRange[] {
    if (!this.#comesSoon(start, end, most * PIECES_LOOKED_AT)) return [];
    const pieces: ByteRange[] = [];
    for (let piece = this.next(most); piece !== undefined; piece = this.next(most)) {
      pieces.push(piece);
      if (piece.end >= end || !this.#comesSoon(start, end, most * PIECES_LOOKED_AT)) break;
    }
    return pieces;
  }

  #comesSoon(start: number, end: number, bytes: number): boolean {
    let seen = 0;
    for (let i = 0, at = this.#done; i < this.#queue.length && seen < bytes; i++, at = 0) {
      const ranges = this.#queue[i] as Float64Array;
      for (; at < ranges.length && seen < bytes; at += 2) {
        const from = ranges[at] as number;
        const to = ranges[at + 1] as number;
        if (from < end && to > start) return true;
        seen += to - from;
      }
    }
    return false;
  }

  #peek(): ByteRange | undefined {
    const ranges = this.#queue[0];
    if (ranges === undefined) return undefined;
    return { start: ranges[this.#done] as number, end: ranges[this.#done + 1] as number };
  }

  #shift(): void {
    this.#done += 2;
    if (this.#done >= (this.#queue[0]?.length ?? 0)) {
      this.#queue.shift();
      this.#done = 0;
    }
  }

  /** The first range begins at `start` now. */
  #cut(start: number): void {
    const ranges = this.#queue[0];
    if (ranges !== undefined) ranges[this.#done] = start;
  }
}
