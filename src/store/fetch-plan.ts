import { LINE } from "./block-cache.js";

/** Bytes [start, end). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The largest gap between two ranges that is fetched, too, to save a request. docs/object-stores.md has the figures:
 * with a store in the same region, a request takes as long as this many bytes.
 */
export const GAP = 131_072;

/** A requested range is looked for in this many of the next pieces. */
const PIECES_LOOKED_AT = 8;

/**
 * The bytes of an object that will be read, in their order. Ranges are added at the end, and taken as pieces of the
 * size of requests.
 */
export class FetchPlan {
  /** Pairs of start and end. The first `#done` numbers of the first array are used up. */
  #queue: Float64Array[] = [];
  #done = 0;

  constructor(private readonly gap: number = GAP) {}

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

  /** Takes the next piece from the plan, at most `most` bytes: ranges with small gaps are joined. */
  next(most: number): ByteRange | undefined {
    const first = this.#peek();
    if (first === undefined) return undefined;
    const start = first.start;
    let end = start;
    for (let range: ByteRange | undefined = first; range !== undefined; range = this.#peek()) {
      if (range.start < end || (range !== first && range.start - end > this.gap) || range.start - start >= most) break;
      if (range.end - start > most) {
        // A line of which two pieces have a part each is whole in no slot of the cache: a read across the border would fetch it again.
        const cut = start + most - ((start + most) % LINE);
        const until = cut > start ? cut : start + most;
        if (until <= range.start) break;
        end = until;
        this.#cut(end);
        break;
      }
      end = range.end;
      this.#shift();
    }
    return { start, end };
  }

  /**
   * Takes the next pieces from the plan, up to the one that contains bytes of [start, end), if that comes soon;
   * otherwise none.
   */
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

  /** Makes the first range begin at `start`. */
  #cut(start: number): void {
    const ranges = this.#queue[0];
    if (ranges !== undefined) ranges[this.#done] = start;
  }
}
