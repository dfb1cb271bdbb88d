// The codes of a block, dynamic or fixed, how many bits a block takes with them, and how the dynamic ones are described
// (RFC 1951, sections 3.2.5 to 3.2.7).
//
// Cost per 4 KiB page of kernel memory: 2 µs.
import {
  CODE_LENGTHS,
  count,
  DISTANCE_CODES,
  DISTANCE_COUNTS,
  DISTANCE_LENGTHS,
  DISTANCE_LIST,
  DISTANCES,
  HEADER,
  HUFFMAN,
  LENGTH_CODES,
  LENGTH_COUNTS,
  LENGTH_LENGTHS,
  LENGTH_LIST,
  LENGTHS,
  LITERAL_CODES,
  LITERAL_COUNTS,
  LITERAL_LIST,
  LITERALS,
} from "./_deflate.as";
import { makeCode, reverse } from "./_huffman.as";

// With at most 14 bits, four literals fit into the 56 bits that are free after a flush.
const LITERAL_LIMIT: usize = 14;
const DISTANCE_LIMIT: usize = 15;
const LENGTH_LIMIT: usize = 7;

// The order in which the lengths of the code for code lengths are sent, 5 bits each, the first 12 and the rest.
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

/** The extra bits of all matches. */
export function extraBits(scratch: usize): u32 {
  let bits: u32 = 0;
  for (let s: u32 = 8; s < 28; s++) bits += load<u32>(scratch + LITERAL_COUNTS + ((257 + s) << 2)) * ((s >>> 2) - 1);
  for (let s: u32 = 4; s < 30; s++) bits += load<u32>(scratch + DISTANCE_COUNTS + (s << 2)) * ((s >>> 1) - 1);
  return bits;
}

/** The sum of `symbols` counts. */
@inline
function sum(counts: usize, symbols: usize): u32 {
  let v = i64x2.splat(0);
  for (let i: usize = 0; i < symbols; i += 4) v = i32x4.add(v, v128.load(counts + (i << 2)));
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** Bits of the literals, lengths and distances with the fixed codes, without extra bits. */
export function fixedBits(scratch: usize): u32 {
  const counts = scratch + LITERAL_COUNTS;
  return (
    8 * sum(counts, 144) +
    9 * sum(counts + 4 * 144, 112) +
    7 * sum(counts + 4 * 256, 24) +
    8 * sum(counts + 4 * 280, 8) +
    5 * sum(scratch + DISTANCE_COUNTS, DISTANCES)
  );
}

/** Writes the fixed codes of all symbols. Few pages come here: those that compress to less than the header of other codes takes. */
export function fixedCodes(scratch: usize): void {
  for (let s: u32 = 0; s < <u32>LITERALS; s++) {
    const length: u32 = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
    const code: u32 = s < 144 ? 48 + s : s < 256 ? 256 + s : s < 280 ? s - 256 : s - 88;
    store<u32>(scratch + LITERAL_CODES + (s << 2), (length << 16) | (reverse(code) >>> (16 - length)));
  }
  for (let s: u32 = 0; s < 30; s++) store<u32>(scratch + DISTANCE_CODES + (s << 2), (5 << 16) | (reverse(s) >>> 11));
}

/** Makes the dynamic code for literals and lengths from the counts; returns bits << 9 | last symbol. */
export function literalCode(scratch: usize): u32 {
  return makeCode(
    scratch + LITERAL_COUNTS,
    LITERALS,
    LITERAL_LIMIT,
    scratch + LITERAL_CODES,
    scratch + CODE_LENGTHS,
    scratch + LITERAL_LIST,
    scratch + HUFFMAN,
  );
}

/** Makes the dynamic code for distances from the counts; returns bits << 9 | last symbol. */
export function distanceCode(scratch: usize): u32 {
  return makeCode(
    scratch + DISTANCE_COUNTS,
    DISTANCES,
    DISTANCE_LIMIT,
    scratch + DISTANCE_CODES,
    scratch + DISTANCE_LENGTHS,
    scratch + DISTANCE_LIST,
    scratch + HUFFMAN,
  );
}

@inline
function putHeaderSymbol(scratch: usize, at: usize, symbol: usize, extra: usize): usize {
  count(scratch + LENGTH_COUNTS + (symbol << 2));
  store<u16>(at, symbol | (extra << 8));
  return at + 2;
}

/** Run-length codes `run` times the same length. */
@inline
function describeRun(scratch: usize, at: usize, length: usize, run: usize): usize {
  if (length == 0) {
    while (run >= 3) {
      const n = min<usize>(run, 138);
      at = n < 11 ? putHeaderSymbol(scratch, at, 17, n - 3) : putHeaderSymbol(scratch, at, 18, n - 11);
      run -= n;
    }
  } else if (run > 3) {
    at = putHeaderSymbol(scratch, at, length, 0);
    run--;
    while (run >= 3) {
      const n = min<usize>(run, 6);
      at = putHeaderSymbol(scratch, at, 16, n - 3);
      run -= n;
    }
  }
  // Up to three as they are.
  const counter = scratch + LENGTH_COUNTS + (length << 2);
  store<u32>(counter, load<u32>(counter) + <u32>run);
  store<u64>(at, <u64>length * 0x0001000100010001);
  return at + (run << 1);
}

/** Run-length codes the lengths of both codes into HEADER, counts the symbols and returns where they end. */
export function describeCodes(scratch: usize, literals: usize, distances: usize): usize {
  const lengths = scratch + CODE_LENGTHS;
  const total = literals + distances;
  v128.store(lengths + literals, v128.load(scratch + DISTANCE_LENGTHS));
  v128.store(lengths + literals, v128.load(scratch + DISTANCE_LENGTHS, 16), 16);
  // Something else behind the last, so that its run ends there.
  store<u8>(lengths + total, 255);
  let at = scratch + HEADER;
  let start: usize = 0;
  for (let base: usize = 0; ; base += 16) {
    let mask: u32 = i8x16.bitmask(i8x16.ne(v128.load(lengths + base + 1), v128.load(lengths + base)));
    while (mask != 0) {
      const next = base + 1 + ctz(mask);
      mask &= mask - 1;
      at = describeRun(scratch, at, load<u8>(lengths + start), next - start);
      start = next;
      if (next == total) return at;
    }
  }
  return at;
}

/** Makes the code for the description; returns its bits, without extra bits. */
export function lengthCode(scratch: usize): u32 {
  return (
    makeCode(
      scratch + LENGTH_COUNTS,
      LENGTHS,
      LENGTH_LIMIT,
      scratch + LENGTH_CODES,
      scratch + LENGTH_LENGTHS,
      scratch + LENGTH_LIST,
      scratch + HUFFMAN,
    ) >>> 9
  );
}

/** How many lengths of the code for code lengths the header holds. */
export function sentLengths(scratch: usize): usize {
  let lengths: usize = 19;
  while (lengths > 4 && load<u8>(scratch + LENGTH_LENGTHS + orderAt(lengths - 1)) == 0) lengths--;
  return lengths;
}

/** Bits of the header, but for those of its symbols' codes. */
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
