// Canonical prefix codes of limited length (RFC 1951, section 3.2.2) from symbol counts.
//
// They are not Huffman's. A symbol with the share p of all occurrences gets a code of the smallest length l with 2^-l
// <= p * s, where s is about the largest factor for which such a code exists. The code space that is left goes to the
// symbols that just missed a shorter code. That needs neither an order nor a tree, and takes 0.1 to 0.7 % more bits
// than Huffman's code for the symbols of a page.
//
// Cost: 1 µs for the 100 to 150 literals of a page of kernel memory.
import { clear } from "./_match.as";

const MAX_SYMBOLS: usize = 320;
/** Bytes of scratch that makeCode needs. */
export const CODE_SCRATCH: usize = 4 * MAX_SYMBOLS + 256;
/** The lists of makeCode have room for this many entries in addition to those of all symbols. */
export const LIST_PADDING: usize = 8;

// The parts of the scratch.
const SHORTER: usize = 0; // u32 per listed symbol: the next shorter length it could have
const PER_LENGTH: usize = SHORTER + 4 * MAX_SYMBOLS; // u32 per code length, four times: how many codes have it, then the next code

// The unit of shares of the code space.
const WHOLE: u32 = 1 << 15;
const HALVINGS: u32 = 3;

/** Bits, one for each u32 from `at` on that is not zero; 16 of them. */
@inline
function nonZero(at: usize): u64 {
  const zero = i64x2.splat(0);
  return <u64>i8x16.bitmask(
    i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(i32x4.ne(v128.load(at), zero), i32x4.ne(v128.load(at, 16), zero)),
      i16x8.narrow_i32x4_s(i32x4.ne(v128.load(at, 32), zero), i32x4.ne(v128.load(at, 48), zero)),
    ),
  );
}

/**
 * Lists the used ones among `symbols` symbols (32, or a multiple of 64): u32 each, count << 9 | symbol. Returns the end
 * of the list.
 */
@inline
function listUsed(counts: usize, symbols: usize, list: usize): usize {
  for (let base: usize = 0; base < symbols; base += 64) {
    const at = counts + (base << 2);
    let mask = nonZero(at) | (nonZero(at + 64) << 16);
    if (symbols >= 64) mask |= (nonZero(at + 128) << 32) | (nonZero(at + 192) << 48);
    while (mask != 0) {
      const s = base + <usize>ctz(mask);
      mask &= mask - 1;
      store<u32>(list, (load<u32>(counts + (s << 2)) << 9) | <u32>s);
      list += 4;
    }
  }
  return list;
}

/**
 * The share of the code space, a power of two, that each of four symbols gets. `least` is the share of the longest
 * code.
 */
@inline
function shares(list: usize, scale: v128, least: v128): v128 {
  const weight = f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(v128.load(list), 9)), scale);
  return f32x4.pmin(f32x4.splat(0.5), f32x4.pmax(least, v128.and(weight, i32x4.splat(0x7f800000))));
}

/** The code space that all symbols take; 1 is the whole. Entries behind the list count as symbols without weight. */
@inline
function spaceOf(list: usize, listEnd: usize, scale: f32, least: v128): f32 {
  const factor = f32x4.splat(scale);
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  for (; list < listEnd; list += 32) {
    a = f32x4.add(a, shares(list, factor, least));
    b = f32x4.add(b, shares(list + 16, factor, least));
  }
  a = f32x4.add(a, b);
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3);
}

/** The code lengths for four shares. */
@inline
function lengthsOf(share: v128): v128 {
  return i32x4.sub(i32x4.splat(127), i32x4.shr_u(share, 23));
}

/** The sum of four u32. */
@inline
export function sumOf(v: v128): u32 {
  return <u32>(i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3));
}

/** The sum of all counts of a list. */
@inline
function totalOf(list: usize, listEnd: usize): u32 {
  let sum = i64x2.splat(0);
  for (; list < listEnd; list += 16) sum = i32x4.add(sum, i32x4.shr_u(v128.load(list), 9));
  return sumOf(sum);
}

/** Gives each symbol of the list (at least 2) its length, u32 each, so that no code space is left. */
function chooseLengths(list: usize, listEnd: usize, limit: u32, lengths: usize, scratch: usize): void {
  const total = totalOf(list, listEnd);
  const least = f32x4.splat(<f32>1 / <f32>(1 << limit));
  // The factor 1 has room for all codes, and 2 does not. If codes could become too long and are shortened by the limit,
  // that holds for 0.5: no alphabet here has more than half of 2^limit symbols.
  const one: f32 = <f32>1 / <f32>total;
  let low: f32 = total > <u32>1 << limit ? one * 0.5 : one;
  let high: f32 = one * 2;
  // Symbols without weight behind the list get the smallest share.
  const steps = (listEnd - list + 31) & ~31;
  const room: f32 = 1 + <f32>((steps - (listEnd - list)) >>> 2) / <f32>(1 << limit);
  for (let i: u32 = 0; i < HALVINGS; i++) {
    const middle = (low + high) * 0.5;
    const fits = spaceOf(list, listEnd, middle, least) <= room;
    low = select(middle, low, fits);
    high = select(high, middle, fits);
  }
  let left = <i32>((room - spaceOf(list, listEnd, low, least)) * <f32>WHOLE);
  const lowScale = f32x4.splat(low);
  const highScale = f32x4.splat(high);
  const shorter = scratch + SHORTER;
  const n = listEnd - list;
  for (let i: usize = 0; i < n; i += 16) {
    v128.store(lengths + i, lengthsOf(shares(list + i, lowScale, least)));
    v128.store(shorter + i, lengthsOf(shares(list + i, highScale, least)));
  }
  // First the symbols that are nearest to a shorter code.
  for (let i: usize = 0; i < n; i += 4) {
    const length = load<u32>(lengths + i);
    const share: i32 = <i32>(WHOLE >>> length) & -<i32>(load<u32>(shorter + i) < length);
    const less = left - share;
    left = select(less, left, less >= 0);
    store<u32>(lengths + i, length - (<u32>(less >= 0) & <u32>(share != 0)));
  }
  // Then any symbols. The longest codes always fit, so this ends.
  while (left > 0) {
    for (let i: usize = 0; i < n && left > 0; i += 4) {
      const length = load<u32>(lengths + i);
      const less = left - <i32>(WHOLE >>> length);
      left = select(less, left, less >= 0);
      store<u32>(lengths + i, length - <u32>(less >= 0));
    }
  }
}

/**
 * Reverses the 16 bits of each of four u32: deflate sends a code from its top bit on, and everything else from the
 * bottom.
 */
@inline
export function reverse4(codes: v128): v128 {
  const low = i8x16.splat(15);
  const bytes = i8x16.swizzle(codes, i8x16(1, 0, 16, 16, 5, 4, 16, 16, 9, 8, 16, 16, 13, 12, 16, 16));
  const table = i8x16(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
  const high = i8x16.swizzle(table, v128.and(bytes, low));
  const other = i8x16.swizzle(table, v128.and(i16x8.shr_u(bytes, 4), low));
  return v128.or(i16x8.shl(high, 4), other);
}

/** Adds one to a u32. */
@inline
function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Returns the next code of a length. */
@inline
function take(counters: usize, length: u32): u32 {
  const at = counters + (<usize>length << 2);
  const code = load<u32>(at);
  store<u32>(at, code + (0x10000 >>> length));
  return code;
}

/** Writes the codes for the lengths, `length << 16 | code` for each listed symbol. */
@inline
function assignCodes(list: usize, n: usize, limit: u32, lengths: usize, codes: usize, scratch: usize): void {
  // The list in four parts with separate counters, so that no count has to wait for the previous one.
  clear(scratch + PER_LENGTH, 256);
  const part = ((n >>> 2) + 3) & ~3;
  v128.store(lengths + n, i64x2.splat(0));
  const counters = scratch + PER_LENGTH;
  for (let at = lengths, end = lengths + part; at < end; at += 4) {
    count(counters + (<usize>load<u32>(at) << 2));
    count(counters + 64 + (<usize>load<u32>(at + part) << 2));
    count(counters + 128 + (<usize>load<u32>(at + 2 * part) << 2));
    count(counters + 192 + (<usize>load<u32>(at + 3 * part) << 2));
  }
  let code: u32 = 0;
  for (let d: u32 = 1; d <= limit; d++) {
    const counter = counters + (d << 2);
    for (let i: usize = 0; i < 256; i += 64) {
      const codesOf = load<u32>(counter + i) << (16 - d);
      store<u32>(counter + i, code);
      code += codesOf;
    }
  }
  const found = scratch + SHORTER;
  for (let i: usize = 0; i < part; i += 4) {
    store<u32>(found + i, take(counters, load<u32>(lengths + i)));
    store<u32>(found + part + i, take(counters + 64, load<u32>(lengths + part + i)));
    store<u32>(found + 2 * part + i, take(counters + 128, load<u32>(lengths + 2 * part + i)));
    store<u32>(found + 3 * part + i, take(counters + 192, load<u32>(lengths + 3 * part + i)));
  }
  for (let i: usize = 0; i < n; i += 16) {
    v128.store(found + i, v128.or(reverse4(v128.load(found + i)), i32x4.shl(v128.load(lengths + i), 16)));
  }
  for (let i: usize = 0; i < n; i += 4) {
    store<u32>(codes + (<usize>(load<u32>(list + i) & 511) << 2), load<u32>(found + i));
  }
}

/** Sets LIST_PADDING entries behind a list to zero. */
@inline
function endList(listEnd: usize): void {
  const zero = i64x2.splat(0);
  v128.store(listEnd, zero);
  v128.store(listEnd, zero, 16);
}

/**
 * Makes a code for `symbols` symbols (32, or a multiple of 64, at most 320) with the given counts (u32 each, their sum
 * below 2^23), no longer than `limit` bits (at most 15). Writes to `codes` `length << 16 | code` for each used symbol,
 * ready to be sent from the bottom; to `list` count << 9 | symbol of the used symbols (u32 each, with LIST_PADDING
 * zeros behind them); and to `lengths` their lengths (u32 each). Returns the end of the list. A code always has at
 * least two symbols, used or not: some decoders require a complete code.
 */
export function makeCode(
  counts: usize,
  symbols: usize,
  limit: u32,
  codes: usize,
  list: usize,
  lengths: usize,
  scratch: usize,
): usize {
  let listEnd = listUsed(counts, symbols, list);
  if (listEnd - list < 8) {
    // Adds an unused symbol before the only one or, if that is symbol 0, behind it. Each gets one bit.
    const only: u32 = listEnd == list ? 0 : load<u32>(list);
    store<u32>(list, (only & 511) == 0 ? only : 0);
    store<u32>(list + 4, (only & 511) == 0 ? 1 : only);
    listEnd = list + 8;
    endList(listEnd);
    store<u64>(lengths, 0x0000000100000001);
  } else {
    endList(listEnd);
    chooseLengths(list, listEnd, limit, lengths, scratch);
  }
  assignCodes(list, listEnd - list, limit, lengths, codes, scratch);
  return listEnd;
}

/** The number of bits of the counted symbols of a list with their codes. */
@inline
export function bitsOf(list: usize, listEnd: usize, lengths: usize): u32 {
  const n = listEnd - list;
  let sum = i64x2.splat(0);
  // Entries behind the list have the count 0.
  for (let i: usize = 0; i < n; i += 16) {
    sum = i32x4.add(sum, i32x4.mul(i32x4.shr_u(v128.load(list + i), 9), v128.load(lengths + i)));
  }
  return sumOf(sum);
}

/** The last symbol of a list. */
@inline
export function lastSymbol(listEnd: usize): usize {
  return <usize>load<u32>(listEnd - 4) & 511;
}
