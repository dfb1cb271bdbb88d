// The dynamic or fixed codes of a block, how many bits the block takes with them, and the description of the dynamic
// codes (RFC 1951, sections 3.2.5 to 3.2.7).
//
// Cost per 4 KiB page of kernel memory: 2 µs.
import {
  CODE,
  count,
  DISTANCE_CODES,
  DISTANCE_COUNTS,
  DISTANCE_LENGTHS,
  DISTANCE_LIST,
  DISTANCES,
  FIRST_LENGTH,
  HEADER,
  LENGTH_CODES,
  LENGTH_COUNTS,
  LENGTH_LENGTHS,
  LENGTH_LIST,
  LENGTHS,
  LITERAL_CODES,
  COUNTS,
  LITERAL_LENGTHS,
  LITERAL_LIST,
  LITERALS,
  NO_SYMBOL,
  NOTHING,
  SIZES,
  SENT_LENGTHS,
} from "./_deflate.as";
import { makeCode, reverse4, sumOf } from "./_prefix-code.as";

// With these limits, three entries fit into the 56 bits that are free after 8 bytes were sent: two distances of 7 + 13
// bits and a length of 11 + 5 between them.
// With 10 bits pages of 4 KiB come out 0.1 to 0.3 % smaller, pages of 64 KiB 0.1 % larger (measured).
const LITERAL_LIMIT: u32 = 11;
const LITERAL_LIMIT_SMALL: u32 = 10;
const DISTANCE_LIMIT: u32 = 7;
const LENGTH_LIMIT: u32 = 7;

// The order in which the lengths of the code for code lengths are sent, 5 bits each: the first 12, then the rest.
const ORDER_A: u64 =
  (<u64>16) | (<u64>17 << 5) | (<u64>18 << 10) | (<u64>0 << 15) | (<u64>8 << 20) | (<u64>7 << 25) |
  (<u64>9 << 30) | (<u64>6 << 35) | (<u64>10 << 40) | (<u64>5 << 45) | (<u64>11 << 50) | (<u64>4 << 55);
const ORDER_B: u64 =
  (<u64>12) | (<u64>3 << 5) | (<u64>13 << 10) | (<u64>2 << 15) | (<u64>14 << 20) | (<u64>1 << 25) | (<u64>15 << 30);

/** The i-th symbol in the order in which the lengths of the code for code lengths are sent. */
@inline
export function orderAt(i: usize): usize {
  return <usize>((i < 12 ? ORDER_A >>> (<u64>i * 5) : ORDER_B >>> (<u64>(i - 12) * 5)) & 31);
}

/** The number of extra bits of all matches. */
export function extraBits(scratch: usize): u32 {
  // Lengths have one extra bit from the ninth symbol on, and one more after every four symbols. The last symbol has
  // none.
  const lengths = scratch + COUNTS + ((FIRST_LENGTH + 8) << 2);
  let all = i64x2.splat(0);
  let sum = all;
  for (let at = lengths + 64; at >= lengths; at -= 16) {
    all = i32x4.add(all, v128.load(at));
    sum = i32x4.add(sum, all);
  }
  // Distances have one extra bit from the fifth symbol on, and one more after every two symbols.
  const distances = scratch + DISTANCE_COUNTS + (4 << 2);
  all = i64x2.splat(0);
  let pairs = all;
  for (let at = distances + 96; at >= distances; at -= 16) {
    all = i32x4.add(all, v128.load(at));
    pairs = i32x4.add(pairs, all);
  }
  return sumOf(sum) + sumOf(i32x4.sub(i32x4.shl(pairs, 1), v128.and(all, i32x4(-1, -1, 0, 0))));
}

/** The sum of `symbols` counts. */
@inline
function sumCounts(counts: usize, symbols: usize): u32 {
  let v = i64x2.splat(0);
  for (let i: usize = 0; i < symbols; i += 4) v = i32x4.add(v, v128.load(counts + (i << 2)));
  return sumOf(v);
}

/** The number of bits of the literals, lengths and distances with the fixed codes, without extra bits. */
export function fixedBits(scratch: usize): u32 {
  const counts = scratch + COUNTS;
  return (
    8 * sumCounts(counts, 144) +
    9 * sumCounts(counts + 4 * 144, 112) +
    7 * sumCounts(counts + 4 * 256, 24) +
    8 * sumCounts(counts + 4 * 280, 8) +
    5 * sumCounts(scratch + DISTANCE_COUNTS, DISTANCES)
  );
}

/** Writes consecutive codes of `length` bits, beginning with `first`, for `symbols` (a multiple of 4) symbols. */
function fillCodes(codes: usize, symbols: usize, first: u32, length: u32): void {
  let code = i32x4.shl(i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(first)), 16 - length);
  const step = i32x4.splat(4 << (16 - length));
  const size = i32x4.splat(length << 16);
  for (let at = codes, end = codes + (symbols << 2); at < end; at += 16) {
    v128.store(at, v128.or(reverse4(code), size));
    code = i32x4.add(code, step);
  }
}

/** Writes the fixed codes of all symbols. */
export function fixedCodes(scratch: usize): void {
  const codes = scratch + LITERAL_CODES;
  fillCodes(codes, 144, 48, 8);
  fillCodes(codes + 4 * 144, 112, 400, 9);
  fillCodes(codes + 4 * 256, 24, 0, 7);
  fillCodes(codes + 4 * 280, 8, 192, 8);
  fillCodes(scratch + DISTANCE_CODES, DISTANCES, 0, 5);
}

/**
 * Converts the codes of all symbols (length << 16 | code) into the form that sendEntries needs: a number to which the
 * value, shifted by the code's length, is added to get the code with its extra bits; and the sizes of both. The results
 * for unused symbols are undefined.
 */
export function finishCodes(scratch: usize): void {
  const codes = scratch + LITERAL_CODES;
  for (let i: usize = 0; i < 4 * (LITERALS + DISTANCES); i += 16) {
    const v = v128.load(codes + i);
    const size = i32x4.shr_u(v, 16);
    v128.store(codes + i, v128.and(v, i32x4.splat(0xffff)));
    v128.store(codes + i, v128.or(size, i32x4.shl(size, 8)), SIZES - LITERAL_CODES);
  }
  store<u32>(codes, 0, NOTHING << 2);
  store<u32>(codes, 0, (NOTHING << 2) + (SIZES - LITERAL_CODES));
  // Lengths have one extra bit from the ninth symbol on, and one more after every four symbols. The last symbol has
  // none.
  const lengths = codes + (FIRST_LENGTH << 2);
  for (let g: i32 = 1; g < 7; g++) addValues(lengths + (<usize>g << 4), i32x4.shl(i32x4(4, 5, 6, 7), g - 1), i32x4.splat(g - 1));
  addValues(lengths, i32x4(0, 1, 2, 3), i32x4.splat(0));
  addValues(lengths + (7 << 4), i32x4(255, 0, 0, 0), i32x4.splat(0));
  // Distances have one extra bit from the fifth symbol on, and one more after every two symbols.
  const distances = scratch + DISTANCE_CODES;
  addValues(distances, i32x4(0, 1, 2, 3), i32x4.splat(0));
  for (let g: i32 = 1; g < 8; g++) {
    addValues(distances + (<usize>g << 4), i32x4.shl(i32x4(4, 6, 8, 12), 2 * g - 2), i32x4.add(i32x4(1, 1, 2, 2), i32x4.splat(2 * g - 2)));
  }
}

/** For four codes: subtracts the smallest value of each, and adds the number of its extra bits to the sizes. */
@inline
function addValues(at: usize, least: v128, extra: v128): void {
  const size = v128.load(at, SIZES - LITERAL_CODES);
  // 2^size, through the exponent of a float.
  const power = i32x4.trunc_sat_f32x4_s(i32x4.shl(i32x4.add(v128.and(size, i32x4.splat(31)), i32x4.splat(127)), 23));
  v128.store(at, i32x4.sub(v128.load(at), i32x4.mul(least, power)));
  v128.store(at, i32x4.add(size, i32x4.shl(extra, 8)), SIZES - LITERAL_CODES);
}

/**
 * Makes the dynamic code for literals and lengths of a page of `len` bytes from the counts. Returns the end of its
 * list.
 */
export function literalCode(scratch: usize, len: usize): usize {
  return makeCode(
    scratch + COUNTS,
    LITERALS,
    len > 4096 ? LITERAL_LIMIT : LITERAL_LIMIT_SMALL,
    scratch + LITERAL_CODES,
    scratch + LITERAL_LIST,
    scratch + LITERAL_LENGTHS,
    scratch + CODE,
  );
}

/** Makes the dynamic code for distances from the counts. Returns the end of its list. */
export function distanceCode(scratch: usize): usize {
  return makeCode(
    scratch + DISTANCE_COUNTS,
    DISTANCES,
    DISTANCE_LIMIT,
    scratch + DISTANCE_CODES,
    scratch + DISTANCE_LIST,
    scratch + DISTANCE_LENGTHS,
    scratch + CODE,
  );
}

/**
 * Describes the lengths of a code: the length of each listed symbol, and the number of unused symbols between them.
 * Returns the end of the description. Repeated lengths are sent one by one: consecutive symbols of the same length are
 * rare, and looking for them takes more than it saves.
 */
@inline
function describeCode(scratch: usize, at: usize, list: usize, listEnd: usize, lengths: usize): usize {
  const counts = scratch + LENGTH_COUNTS;
  let next: usize = 0;
  for (; list < listEnd; list += 4, lengths += 4) {
    const symbol = <usize>load<u32>(list) & 511;
    let zeros = symbol - next;
    next = symbol + 1;
    for (; zeros > 138; zeros -= 138) {
      store<u16>(at, 18 | (127 << 8));
      count(counts + (18 << 2));
      at += 2;
    }
    // Up to two zeros are sent as they are, more as one symbol. Their number cannot be predicted, so there is no branch
    // on it.
    const few = zeros < 3;
    const long = zeros > 10;
    const repeat = select<usize>(18 | ((zeros - 11) << 8), 17 | ((zeros - 3) << 8), long);
    store<u32>(at, <u32>select<usize>(0, repeat, few));
    const counter = counts + (select<usize>(0, select<usize>(18, 17, long), few) << 2);
    const n = select<usize>(zeros, 1, few);
    store<u32>(counter, load<u32>(counter) + <u32>n);
    at += n << 1;
    const length = <usize>load<u32>(lengths);
    store<u16>(at, length);
    count(counts + (length << 2));
    at += 2;
  }
  return at;
}

/** Run-length codes the lengths of both codes into HEADER and counts the symbols. Returns the end. */
export function describeCodes(scratch: usize, literalEnd: usize, distanceEnd: usize): usize {
  const at = describeCode(scratch, scratch + HEADER, scratch + LITERAL_LIST, literalEnd, scratch + LITERAL_LENGTHS);
  return describeCode(scratch, at, scratch + DISTANCE_LIST, distanceEnd, scratch + DISTANCE_LENGTHS);
}

/** Makes the code for the description. Returns the end of its list. */
export function lengthCode(scratch: usize): usize {
  const end = makeCode(
    scratch + LENGTH_COUNTS,
    LENGTHS,
    LENGTH_LIMIT,
    scratch + LENGTH_CODES,
    scratch + LENGTH_LIST,
    scratch + LENGTH_LENGTHS,
    scratch + CODE,
  );
  let lengths = scratch + LENGTH_LENGTHS;
  for (let i = scratch + LENGTH_LIST; i < end; i += 4, lengths += 4) {
    store<u8>(scratch + SENT_LENGTHS + (<usize>load<u32>(i) & 511), load<u32>(lengths));
  }
  store<u32>(scratch + LENGTH_CODES + (NO_SYMBOL << 2), 0);
  return end;
}

/** How many lengths of the code for code lengths are sent in the header. */
export function sentLengths(scratch: usize): usize {
  let lengths: usize = 19;
  while (lengths > 4 && load<u8>(scratch + SENT_LENGTHS + orderAt(lengths - 1)) == 0) lengths--;
  return lengths;
}

/** Bits of the header without the codes of its symbols. */
@inline
export function headerBits(scratch: usize, lengths: usize): u32 {
  return (
    17 +
    3 * <u32>lengths +
    2 * load<u32>(scratch + LENGTH_COUNTS + (16 << 2)) +
    3 * load<u32>(scratch + LENGTH_COUNTS + (17 << 2)) +
    7 * load<u32>(scratch + LENGTH_COUNTS + (18 << 2))
  );
}
