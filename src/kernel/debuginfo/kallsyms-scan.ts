import type { KernelMemory } from "../kernel-memory.js";
import { imageRange } from "./image-range.js";
import {
  type KallsymsAddresses,
  MAX_ENCODED_NAME,
  MAX_NAMES,
  MAX_SYMBOLS,
  nameStarts,
  TOKENS,
} from "./kallsyms-tables.js";
import { readUpTo, scanMemory } from "./kernel-bytes.js";

/**
 * Finds the symbol tables where VMCOREINFO does not have them (before 6.0). The token table is recognised first: a
 * character that occurs in any name is a token of its own, so the strings of the digits follow one another. All other
 * tables are found from there by what they must contain:
 *
 *     … 6.3   offsets, base (or addresses) | count | names | markers | 3 bytes per symbol (6.2, 6.1.y) | tokens | index
 *     6.4 …                                 count | names | markers | tokens | index | offsets | base
 *
 * each aligned to a word. A marker is the position of every 256th name: a u32 since 4.20, a word before.
 */
export function* scanForTables(memory: KernelMemory): Generator<KallsymsAddresses> {
  const { wordSize } = memory;
  const range = imageRange(memory);
  if (range === undefined) return;
  const tables: TokenTable[] = [];
  let tries = 0;
  scanMemory(memory, range.start, range.length, DIGITS.length, (bytes, vaddr) => {
    for (let at = bytes.indexOf(DIGITS); at >= 0; at = bytes.indexOf(DIGITS, at + 1)) {
      const tokens = tokenTable(memory, vaddr + BigInt(at));
      if (tokens !== undefined) tables.push(tokens);
      if (tables.length === MAX_TABLES || ++tries === MAX_DIGITS) return true;
    }
    return false;
  });
  for (const tokens of tables) {
    const names = namesBefore(memory, tokens.table);
    if (names === undefined) continue;
    const { count, countAt } = names;
    const found = { count, names: names.start, tokenTable: tokens.table, tokenIndex: tokens.index };
    const offsets = aligned(tokens.index + BigInt(TOKENS * 2), wordSize);
    yield { ...found, offsets, relativeBase: aligned(offsets + BigInt(count * 4), wordSize) };
    const base = countAt - BigInt(wordSize);
    const bytes = BigInt(count * 4);
    yield {
      ...found,
      offsets: base - aligned(bytes, wordSize),
      relativeBase: base,
      addresses: countAt - BigInt(count * wordSize),
    };
  }
}

const DIGITS = Buffer.from("0\0" + "1\0" + "2\0" + "3\0" + "4\0" + "5\0" + "6\0" + "7\0" + "8\0" + "9\0", "latin1");
/**
 * The most places with these digits that are tried: other lists of strings may have them too. Each takes a millisecond
 * at most.
 */
const MAX_DIGITS = 256;
/** The most token tables with a right index that are tried: a kernel has one. */
const MAX_TABLES = 4;
/** All tokens together: 700 to 1,100 bytes in the kernels seen. */
const MAX_TOKENS = 8192;
const MARKED = 256;

interface TokenTable {
  readonly table: bigint;
  readonly index: bigint;
}

/** The token table around the digits, proven by the index that follows it. */
function tokenTable(memory: KernelMemory, digits: bigint): TokenTable | undefined {
  const around = readUpTo(memory, digits - BigInt(MAX_TOKENS), 2 * MAX_TOKENS);
  if (around.length < MAX_TOKENS) return undefined;
  const bytes = new DataView(around.buffer, around.byteOffset, around.byteLength);
  // Back to the end of token 0, then over token 0, whose start need not follow a zero.
  let first = MAX_TOKENS;
  for (let i = 0; i < "0".charCodeAt(0) - 1; i++) {
    first--;
    while (first > 0 && bytes.getUint8(first - 1) !== 0) first--;
    if (first === 0) return undefined;
  }
  for (let start = first - 1; start > Math.max(0, first - MARKED); start--) {
    const table = digits + BigInt(start - MAX_TOKENS);
    if (table % BigInt(memory.wordSize) !== 0n) continue;
    const index = indexBehind(memory, bytes, start, table);
    if (index !== undefined) return { table, index };
  }
  return undefined;
}

/** The address of the token index, if the table at `table` (in `bytes` at `start`) is followed by its index. */
function indexBehind(memory: KernelMemory, bytes: DataView, start: number, table: bigint): bigint | undefined {
  const starts: number[] = [];
  let at = start;
  for (let token = 0; token < TOKENS; token++) {
    starts.push(at - start);
    while (at < bytes.byteLength && bytes.getUint8(at) !== 0) at++;
    at++;
  }
  const index = aligned(table + BigInt(at - start), memory.wordSize);
  const offset = start + Number(index - table);
  if (offset + TOKENS * 2 > bytes.byteLength) return undefined;
  const fits = starts.every((value, i) => bytes.getUint16(offset + i * 2, memory.littleEndian) === value);
  return fits ? index : undefined;
}

interface Names {
  readonly count: number;
  readonly countAt: bigint;
  readonly start: bigint;
}

/** Names and their number, which come before the markers, which come before the token table. */
function namesBefore(memory: KernelMemory, table: bigint): Names | undefined {
  const bytes = readBack(memory, table, MAX_BEFORE);
  for (const size of memory.wordSize === 8 ? [4, 8] : [4]) {
    let runs = 0;
    for (const markers of markersIn(memory, bytes, table, size)) {
      if (++runs > MAX_RUNS) break;
      const names = namesOf(memory, markers);
      if (names !== undefined) return names;
    }
  }
  return undefined;
}

/** The most candidates for the markers that are tried: the nearest ones to the token table are right. */
const MAX_RUNS = 4;
/** Markers of MAX_SYMBOLS, as words, and three bytes for each. */
const MAX_BEFORE = MAX_SYMBOLS * 3 + (MAX_SYMBOLS / MARKED) * 8;

/** Up to `length` bytes that end at `end`: as many as the dump has without a gap. */
function readBack(memory: KernelMemory, end: bigint, length: number): DataView {
  const parts: Uint8Array[] = [];
  for (let done = 0; done < length; done += STEP) {
    const view = memory.readView(end - BigInt(done + STEP), STEP);
    if (view === undefined) break;
    parts.unshift(new Uint8Array(view.buffer, view.byteOffset, STEP));
  }
  const bytes = Buffer.concat(parts);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const STEP = 64 << 10;

interface Markers {
  readonly start: bigint;
  /** Ascending from 0. The last values may already be what follows the markers. */
  readonly values: readonly number[];
}

/**
 * Numbers that may be markers of `size` bytes: a 0, then numbers that ascend as 256 names do. The nearest to `end` come
 * first.
 */
function* markersIn(memory: KernelMemory, bytes: DataView, end: bigint, size: number): Generator<Markers> {
  const { wordSize, littleEndian } = memory;
  const read = (at: number): number =>
    size === 8 ? Number(bytes.getBigUint64(at, littleEndian)) : bytes.getUint32(at, littleEndian);
  const start = end - BigInt(bytes.byteLength);
  for (let at = bytes.byteLength - wordSize; at >= 0; at -= wordSize) {
    if (bytes.getUint32(at) !== 0 || read(at) !== 0) continue;
    const values = [0];
    for (let next = at + size; next + size <= bytes.byteLength; next += size) {
      const value = read(next);
      const step = value - (values.at(-1) as number);
      if (step < MARKED || step > MARKED * MAX_ENCODED_NAME) break;
      values.push(value);
    }
    if (values.length >= MIN_MARKERS) yield { start: start + BigInt(at), values };
  }
}

/** No kernel has fewer than 1,000 symbols. */
const MIN_MARKERS = 4;

/** The names before their markers: they begin after their number, and every marker must fit. */
function namesOf(memory: KernelMemory, { start, values }: Markers): Names | undefined {
  for (let extra = 0; extra < MAX_EXTRA; extra++) {
    const names = namesWith(memory, start, values.slice(0, values.length - extra));
    if (names !== undefined) return names;
  }
  return undefined;
}

/** The most numbers behind the markers that may ascend by chance. */
const MAX_EXTRA = 3;

function namesWith(memory: KernelMemory, end: bigint, values: readonly number[]): Names | undefined {
  const { wordSize, littleEndian } = memory;
  const last = values.at(-1) as number;
  if (last > MAX_NAMES || values.length > MAX_SYMBOLS / MARKED) return undefined;
  // The names begin at the distance of the last marker, and at most 256 names of the greatest length before that.
  const nearest = aligned(end - BigInt(last + wordSize), wordSize);
  const window = memory.readView(nearest - BigInt(WINDOW), WINDOW);
  if (window === undefined) return undefined;
  let tries = 0;
  for (let at = WINDOW - wordSize; at >= 0; at -= wordSize) {
    // An int since 4.20, a long before.
    const int = window.getUint32(at, littleEndian);
    const long = littleEndian ? int : window.getUint32(at + wordSize - 4, littleEndian);
    const count = [int, long].find((value) => Math.ceil(value / MARKED) === values.length);
    if (count === undefined) continue;
    if (++tries > MAX_TRIES) return undefined;
    const countAt = nearest - BigInt(WINDOW - at);
    const start = countAt + BigInt(wordSize);
    const names = readUpTo(memory, start, Number(end - start));
    if (markersFit(names, count, values)) return { count, countAt, start };
  }
  return undefined;
}

const WINDOW = MARKED * MAX_ENCODED_NAME;
/** The most numbers in the right place that are tried as the number of names: one is right. */
const MAX_TRIES = 4;

function markersFit(names: Uint8Array, count: number, markers: readonly number[]): boolean {
  return [true, false].some((big) => {
    const starts = nameStarts(names, count, big);
    return starts !== undefined && markers.every((marker, i) => starts[i * MARKED] === marker);
  });
}

function aligned(vaddr: bigint, size: number): bigint {
  const remainder = vaddr % BigInt(size);
  return remainder === 0n ? vaddr : vaddr + BigInt(size) - remainder;
}
