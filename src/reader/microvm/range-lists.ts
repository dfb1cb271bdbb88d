import type { Piece } from "../extents.js";

/*
 * Lists of memory ranges in serialised states whose other fields change from release to release: a count of 8 bytes,
 * and for each range its address and length (in some versions also its place in the memory file), 8 bytes each, little
 * endian. A list is right if its ranges fill the memory file.
 */

/**
 * The most ranges: more than any of these machines has, which have memory on both sides of gaps, and some that was
 * plugged in.
 */
const MOST_RANGES = 64;
const PAGE = 4096;
/** No machine has less memory in one piece: smaller numbers that look like a list are not one. */
const LEAST = 1 << 20;

/** Finds the list of ranges that fills a memory file of `size` bytes; `undefined` if there is none. */
export function rangesIn(state: Uint8Array, size: number): Piece[] | undefined {
  const fills = (pieces: readonly Piece[]) => sizeOf(pieces) === size;
  return findList(state, (view, at, count) => {
    return [listAt(view, at, count, true), listAt(view, at, count, false)].find((list) => list && fills(list));
  });
}

/**
 * Finds a list of ranges that begins at `start`, with their places in the memory file, whatever the size of the file.
 */
export function listedRanges(state: Uint8Array, start: number): Piece[] | undefined {
  return findList(state, (view, at, count) => {
    const list = listAt(view, at, count, true);
    return list?.[0]?.start === start && list.every((piece) => piece.end - piece.start >= LEAST) ? list : undefined;
  });
}

type ListAt = (view: DataView, at: number, count: number) => Piece[] | undefined;

function findList(state: Uint8Array, read: ListAt): Piece[] | undefined {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  for (let at = 0; at + 24 <= state.length; at++) {
    // In the count seven bytes are 0 and one is not.
    const count = state[at] as number;
    if (count === 0 || count > MOST_RANGES || view.getUint32(at + 4, true) !== 0 || view.getUint32(at, true) !== count)
      continue;
    const found = read(view, at + 8, count);
    if (found !== undefined) return found;
  }
  return undefined;
}

function listAt(view: DataView, at: number, count: number, withPlace: boolean): Piece[] | undefined {
  const entry = withPlace ? 24 : 16;
  if (at + count * entry > view.byteLength) return undefined;
  return consecutivePieces(rangesAt(view, at, count, entry));
}

/** Yields ranges one by one, because most false lists are recognised at their first range. */
function* rangesAt(view: DataView, at: number, count: number, entry: 16 | 24): Generator<Range> {
  const word = (offset: number) => {
    const value = view.getBigUint64(offset, true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.NaN : Number(value);
  };
  for (let from = at; from < at + count * entry; from += entry) {
    yield { start: word(from), length: word(from + 8), ...(entry === 24 && { source: word(from + 16) }) };
  }
}

/** One range of a list. */
export interface Range {
  readonly start: number;
  readonly length: number;
  /** Its place in the memory file, if the list has it. Default: directly behind the previous range. */
  readonly source?: number;
}

/** Bytes of the memory file that consecutive pieces take. */
function sizeOf(pieces: readonly Piece[]): number {
  const last = pieces.at(-1);
  return last === undefined ? 0 : last.source + last.end - last.start;
}

/**
 * Lays ranges out in a file, one after the other. Their addresses may be in any order: cloud-hypervisor puts memory
 * that was plugged in before the rest. `undefined` if the ranges are not valid, or overlap.
 */
export function consecutivePieces(ranges: Iterable<Range>): Piece[] | undefined {
  const pieces: Piece[] = [];
  let source = 0;
  for (const { start, length, source: stated = source } of ranges) {
    const end = start + length;
    const fits = start >= 0 && length > 0 && start % PAGE === 0 && length % PAGE === 0 && stated === source;
    if (!fits || !Number.isSafeInteger(end)) return undefined;
    pieces.push({ start, end, source });
    source += length;
  }
  const sorted = [...pieces].sort((a, b) => a.start - b.start);
  const overlap = sorted.some(({ start }, i) => i > 0 && start < (sorted[i - 1] as Piece).end);
  return pieces.length === 0 || overlap ? undefined : pieces;
}
