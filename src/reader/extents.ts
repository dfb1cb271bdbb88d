import { firstAbove } from "../sorted.js";
/**
 * Pieces [start, end) of one address space, each backed by bytes at `source` of another. Parallel arrays, because a
 * dump may have a million of them; over shared memory, because every worker looks into them.
 */
export interface Extents {
  readonly count: number;
  /** Ascending; pieces do not overlap. */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** The address of byte `start` in the other space. */
  readonly source: Float64Array;
}

/** One piece before overlaps are resolved. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly source: number;
}

/**
 * Turns pieces that may overlap into disjoint ones in ascending order. Where two pieces cover the same bytes, the one
 * with the lower index in `pieces` wins. Neighbours whose source continues without a gap are joined.
 */
export function layer(pieces: readonly Piece[]): Extents {
  const order = pieces.map((_, i) => i).filter((i) => at(pieces, i).end > at(pieces, i).start);
  order.sort((a, b) => at(pieces, a).start - at(pieces, b).start || a - b);
  const out: Piece[] = [];
  const push = (start: number, end: number, source: number) => {
    const last = out[out.length - 1];
    if (last !== undefined && last.end === start && last.source + (last.end - last.start) === source) {
      out[out.length - 1] = { start: last.start, end, source: last.source };
    } else {
      out.push({ start, end, source });
    }
  };
  // Sweep from border to border. `open` holds the pieces that cover the current position as a binary heap by index;
  // pieces that have ended are removed when they come to its top.
  const open: number[] = [];
  let next = 0;
  let position = 0;
  while (next < order.length || open.length > 0) {
    while (open.length > 0 && at(pieces, open[0] as number).end <= position) heapPop(open);
    const top = open[0];
    if (top === undefined) {
      const first = order[next];
      if (first === undefined) break;
      position = at(pieces, first).start;
    }
    while (next < order.length && at(pieces, order[next] as number).start <= position) {
      heapPush(open, order[next] as number);
      next++;
    }
    const winner = at(pieces, open[0] as number);
    const border = next < order.length ? at(pieces, order[next] as number).start : Number.POSITIVE_INFINITY;
    const end = Math.min(winner.end, border);
    if (end > position) push(position, end, winner.source + (position - winner.start));
    position = end;
  }
  return toExtents(out);
}

/** Index of the piece that contains `address`, or of the first one after it (then its start is above `address`). */
export function findExtent(extents: Extents, address: number): number {
  return firstAbove(extents.end, address);
}

/** The address in the other space of the byte at `address`; `undefined` if no piece contains it. */
export function sourceOf(extents: Extents, address: number): number | undefined {
  const found = findExtent(extents, address);
  const start = extents.start[found];
  return start === undefined || start > address ? undefined : (extents.source[found] as number) + (address - start);
}

export function toExtents(pieces: readonly Piece[]): Extents {
  const column = (pick: (piece: Piece) => number) => {
    const array = new Float64Array(new SharedArrayBuffer(8 * pieces.length));
    for (let i = 0; i < pieces.length; i++) array[i] = pick(at(pieces, i));
    return array;
  };
  return {
    count: pieces.length,
    start: column((piece) => piece.start),
    end: column((piece) => piece.end),
    source: column((piece) => piece.source),
  };
}

function at(pieces: readonly Piece[], index: number): Piece {
  return pieces[index] as Piece;
}

function heapPush(heap: number[], value: number): void {
  let i = heap.length;
  heap.push(value);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if ((heap[parent] as number) <= value) break;
    heap[i] = heap[parent] as number;
    i = parent;
  }
  heap[i] = value;
}

function heapPop(heap: number[]): void {
  const value = heap.pop() as number;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if ((heap[child] as number) >= value) break;
    heap[i] = heap[child] as number;
    i = child;
  }
  heap[i] = value;
}
