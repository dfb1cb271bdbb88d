import { firstAbove } from "../../sorted.js";
import { HOLE, type Payload } from "./payload.js";

/** Consecutive rows of the map: row n has the pages [n * span, (n + 1) * span). */
export interface RowBand {
  /** Place of its first row among all rows. */
  readonly at: number;
  /** Number of its first row. */
  readonly first: number;
  readonly count: number;
  /** Number of pages skipped before it; every band except the first has a row that says so. */
  readonly gap: number;
}

/** The rows at one zoom. */
export interface Rows {
  /** Pages per row, a power of 2. */
  readonly span: number;
  readonly bands: readonly RowBand[];
  /** Number of all rows, including those of gaps. */
  readonly total: number;
}

/** Lays out all memory in rows of `span` pages. */
export function layRows(segments: Payload["segments"], unit: number, span: number): Rows {
  const bands: { at: number; first: number; count: number; gap: number }[] = [];
  let at = 0;
  for (const [start, cells] of segments) {
    const first = Math.floor(start / span);
    const end = Math.ceil((start + cells * unit) / span);
    const last = bands.at(-1);
    const behind = last === undefined ? 0 : last.first + last.count;
    // A row or two without memory take no more room than a row for the gap.
    if (last !== undefined && first <= behind + 1) {
      const more = Math.max(0, end - behind);
      last.count += more;
      at += more;
    } else {
      const gap = (first - behind) * span;
      if (last !== undefined || gap > 0) at++;
      bands.push({ at, first, count: end - first, gap });
      at += end - first;
    }
  }
  return { span, bands, total: at };
}

/** The first page of the row at place `at`; `undefined` for the row of a gap. */
export function rowStart({ bands, span }: Rows, at: number): number | undefined {
  const band = bandAt(bands, at);
  if (band === undefined || at >= band.at + band.count) return undefined;
  return (band.first + at - band.at) * span;
}

/** The size in pages of the gap whose row is at place `at`. */
export function gapAt({ bands }: Rows, at: number): number | undefined {
  return bands.find((band) => band.at === at + 1 && band.gap > 0)?.gap;
}

/** The place of the row that contains a page, or of the next row with memory. */
export function rowPlaceOf({ bands, span, total }: Rows, pfn: number): number {
  const row = Math.floor(pfn / span);
  for (const { at, first, count } of bands) {
    if (row < first) return at;
    if (row < first + count) return at + row - first;
  }
  return Math.max(0, total - 1);
}

function bandAt(bands: readonly RowBand[], at: number): RowBand | undefined {
  let low = 0;
  let high = bands.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bands[middle] as RowBand).at > at) high = middle;
    else low = middle + 1;
  }
  return bands[low - 1];
}

/** The smallest span, from `least` on, at which all memory fits into `rows` rows. */
export function wholeSpan(segments: Payload["segments"], unit: number, least: number, rows: number): number {
  let span = least;
  while (layRows(segments, unit, span).total > rows && span < 2 ** 45) span *= 2;
  return span;
}

/** Counts cells by state. */
export interface CellCounter {
  /** Adds the cells of [start, end) to `counts`. Returns their number; the rest of the range has no memory. */
  count(start: number, end: number, counts: Uint32Array): number;
}

/** Makes a counter of cells by pages. A range that begins or ends within a cell includes the whole cell. */
export function cellCounter({ segments, unit }: Pick<Payload, "segments" | "unit">, cells: Uint8Array): CellCounter {
  const starts = segments.map(([start]) => start);
  const bases: number[] = [];
  let base = 0;
  for (const [, count] of segments) {
    bases.push(base);
    base += count;
  }
  return {
    count(start, end, counts) {
      const low = firstAbove(starts, start);
      let found = 0;
      for (let i = Math.max(0, low - 1); i < starts.length && (starts[i] as number) < end; i++) {
        const first = starts[i] as number;
        const length = (segments[i] as readonly [number, number])[1];
        const from = Math.max(0, Math.floor((start - first) / unit));
        const to = Math.min(length, Math.ceil((end - first) / unit));
        const offset = bases[i] as number;
        for (let cell = offset + from; cell < offset + to; cell++) {
          const state = cells[cell] as number;
          if (state === HOLE) continue;
          counts[state] = (counts[state] as number) + 1;
          found++;
        }
      }
      return found;
    },
  };
}
