import { BLOCK_CELLS, type MapSpans } from "./memory-spans.js";
import { HOLE } from "./page/payload.js";

/** A piece of the map without gaps. */
export interface MapSegment {
  readonly startPfn: number;
  readonly cells: number;
}

/** The map: a state per cell, for one segment after the other. */
export interface CellMap {
  /** Pages per cell. */
  readonly unit: number;
  readonly segments: readonly MapSegment[];
  readonly cells: Uint8Array;
}

/** Holes of fewer cells are drawn instead of skipped. */
const MIN_HOLE = 256;
const SHARE_OF_HOLE = 128;

/**
 * Makes cells from the pages' states, which come in order. If a cell stands for several pages, the states of a block of
 * 16 cells are distributed over these by their numbers, equal states next to each other. Remainders are carried over to
 * the next block, so that the shares are right over the whole map. Takes a byte of memory per cell.
 */
export class CellMapBuilder {
  readonly #cells: Uint8Array;
  #at = 0;
  /** Pages per state in the current block (`#counts`), and their total (`#pages`). */
  readonly #counts = new Float64Array(256);
  #pages = 0;
  /** Cells that each state is still due from earlier blocks; negative if it got too many. */
  readonly #carry = new Float64Array(256);

  constructor(private readonly map: MapSpans) {
    const pages = map.spans.reduce((sum, { startPfn, endPfn }) => sum + endPfn - startPfn, 0);
    this.#cells = new Uint8Array(pages / map.unit);
  }

  /** Adds `count` pages of one state. All pages of the spans must be added, in order. */
  add(state: number, count: number): void {
    const { unit } = this.map;
    if (unit === 1) {
      this.#cells.fill(state, this.#at, this.#at + count);
      this.#at += count;
      return;
    }
    const block = unit * BLOCK_CELLS;
    for (let left = count; left > 0; ) {
      const n = Math.min(left, block - this.#pages);
      this.#counts[state] = (this.#counts[state] as number) + n;
      this.#pages += n;
      left -= n;
      if (this.#pages === block) this.#endBlock();
    }
  }

  /** The map, without its large holes. */
  finish(): CellMap {
    const { unit, spans } = this.map;
    const smallest = Math.max(MIN_HOLE, this.#cells.length / SHARE_OF_HOLE);
    const segments: MapSegment[] = [];
    const out = new Uint8Array(this.#cells.length);
    let length = 0;
    let base = 0;
    for (const { startPfn, endPfn } of spans) {
      const end = base + (endPfn - startPfn) / unit;
      for (const [from, to] of withoutHoles(this.#cells, base, end, smallest)) {
        segments.push({ startPfn: startPfn + (from - base) * unit, cells: to - from });
        out.set(this.#cells.subarray(from, to), length);
        length += to - from;
      }
      base = end;
    }
    return { unit, segments, cells: out.slice(0, length) };
  }

  #endBlock(): void {
    const counts = this.#counts;
    const carry = this.#carry;
    const states: number[] = [];
    for (let state = 0; state < 256; state++) if ((counts[state] as number) > 0) states.push(state);
    const due = states.map((state) => (counts[state] as number) / this.map.unit + (carry[state] as number));
    const given = due.map((cells) => Math.min(BLOCK_CELLS, Math.max(0, Math.floor(cells))));
    let sum = given.reduce((a, b) => a + b, 0);
    const rest = (i: number) => (due[i] as number) - (given[i] as number);
    while (sum !== BLOCK_CELLS) {
      const step = sum < BLOCK_CELLS ? 1 : -1;
      let best = -1;
      for (let i = 0; i < states.length; i++) {
        if (step < 0 && given[i] === 0) continue;
        if (best < 0 || step * rest(i) > step * rest(best)) best = i;
      }
      given[best] = (given[best] as number) + step;
      sum += step;
    }
    for (const [i, state] of states.entries()) {
      const cells = given[i] as number;
      this.#cells.fill(state, this.#at, this.#at + cells);
      this.#at += cells;
      carry[state] = rest(i);
      counts[state] = 0;
    }
    this.#pages = 0;
  }
}

/**
 * The ranges [from, to) between holes of at least `smallest` cells; holes at the ends are removed whatever their size.
 */
function* withoutHoles(cells: Uint8Array, start: number, end: number, smallest: number): Generator<[number, number]> {
  let from = -1;
  let hole = start;
  for (let i = start; i <= end; i++) {
    if (i < end && cells[i] === HOLE) continue;
    // Cells [hole, i) are a hole.
    if (from >= 0 && (i === end || i - hole >= smallest)) {
      yield [from, hole];
      from = -1;
    }
    if (i < end && from < 0) from = i;
    hole = i + 1;
  }
}
