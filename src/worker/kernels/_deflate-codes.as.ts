// The codes of a block, dynamic or fixed, how many bits a block takes with them, and how the dynamic ones are described
// (RFC 1951, sections 3.2.5 to 3.2.7).
//
// Cost per 4 KiB page of kernel memory: about 7 µs.
import {
  count,
  DISTANCE_CODES,
  DISTANCE_COUNTS,
  DISTANCES,
  HEADER,
  HUFFMAN,
  LENGTH_CODES,
  LENGTH_COUNTS,
  LENGTHS,
  LITERAL_CODES,
  LITERAL_COUNTS,
  LITERALS,
} from "./_deflate.as";
import { assignCodes, makeCodes } from "./_huffman.as";

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

/** Bits that `symbols` symbols take with their codes, without extra bits. */
function codedBits(counts: usize, codes: usize, symbols: usize): u32 {
  let bits: u32 = 0;
  for (let s: usize = 0; s < symbols; s++) {
    bits += load<u32>(counts + (s << 2)) * (load<u32>(codes + (s << 2)) >>> 16);
  }
  return bits;
}

/** The extra bits of all matches. */
export function extraBits(scratch: usize): u32 {
  let bits: u32 = 0;
  for (let s: u32 = 8; s < 28; s++) bits += load<u32>(scratch + LITERAL_COUNTS + ((257 + s) << 2)) * ((s >>> 2) - 1);
  for (let s: u32 = 4; s < 30; s++) bits += load<u32>(scratch + DISTANCE_COUNTS + (s << 2)) * ((s >>> 1) - 1);
  return bits;
}

/** The symbols of a code that are sent: all up to the last that is used, and `least` at any rate. */
function sentSymbols(codes: usize, symbols: usize, least: usize): usize {
  while (symbols > least && load<u32>(codes + ((symbols - 1) << 2)) == 0) symbols--;
  return symbols;
}

@inline
function putHeaderSymbol(scratch: usize, at: usize, symbol: usize, extra: usize): usize {
  count(scratch + LENGTH_COUNTS + (symbol << 2));
  store<u16>(at, symbol | (extra << 8));
  return at + 2;
}

/** Run-length codes the lengths of both codes into HEADER, counts the symbols and returns where they end. */
function describeCodes(scratch: usize, literals: usize, distances: usize): usize {
  let at = scratch + HEADER;
  const total = literals + distances;
  for (let i: usize = 0; i < total; ) {
    const length = lengthAt(scratch, i, literals);
    let run: usize = 1;
    while (i + run < total && lengthAt(scratch, i + run, literals) == length) run++;
    i += run;
    if (length == 0) {
      while (run >= 3) {
        const n = min<usize>(run, 138);
        at = n < 11 ? putHeaderSymbol(scratch, at, 17, n - 3) : putHeaderSymbol(scratch, at, 18, n - 11);
        run -= n;
      }
    } else {
      at = putHeaderSymbol(scratch, at, length, 0);
      run--;
      while (run >= 3) {
        const n = min<usize>(run, 6);
        at = putHeaderSymbol(scratch, at, 16, n - 3);
        run -= n;
      }
    }
    for (; run > 0; run--) at = putHeaderSymbol(scratch, at, length, 0);
  }
  return at;
}

/** The length of code i, the distances counted behind the literals. */
@inline
function lengthAt(scratch: usize, i: usize, literals: usize): usize {
  const at = i < literals ? LITERAL_CODES + (i << 2) : DISTANCE_CODES + ((i - literals) << 2);
  return load<u32>(scratch + at) >>> 16;
}

/** The i-th symbol in the order in which the lengths of the code for code lengths are sent. */
@inline
export function orderAt(i: usize): usize {
  return <usize>((i < 12 ? ORDER_A >>> (<u64>i * 5) : ORDER_B >>> (<u64>(i - 12) * 5)) & 31);
}

export function fixedCodes(scratch: usize): void {
  for (let s: usize = 0; s < LITERALS; s++) {
    store<u32>(scratch + LITERAL_CODES + (s << 2), (s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8) << 16);
  }
  // All 32 distances have a code, though two are never used.
  for (let s: usize = 0; s < 32; s++) store<u32>(scratch + DISTANCE_CODES + (s << 2), 5 << 16);
  assignCodes(scratch + LITERAL_CODES, LITERALS, scratch + HUFFMAN);
  assignCodes(scratch + DISTANCE_CODES, 32, scratch + HUFFMAN);
}

/** Bits of the literals, lengths and distances with the fixed codes, without extra bits. */
export function fixedBits(scratch: usize): u32 {
  let bits: u32 = 0;
  for (let s: usize = 0; s < LITERALS; s++) {
    bits += load<u32>(scratch + LITERAL_COUNTS + (s << 2)) * (s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8);
  }
  for (let s: usize = 0; s < DISTANCES; s++) bits += load<u32>(scratch + DISTANCE_COUNTS + (s << 2)) * 5;
  return bits;
}

/** Makes the dynamic codes from the counts. */
export function dynamicCodes(scratch: usize): void {
  makeCodes(scratch + LITERAL_COUNTS, LITERALS, LITERAL_LIMIT, scratch + LITERAL_CODES, scratch + HUFFMAN);
  makeCodes(scratch + DISTANCE_COUNTS, DISTANCES, DISTANCE_LIMIT, scratch + DISTANCE_CODES, scratch + HUFFMAN);
}

/** How many literal and length symbols the header gives lengths for. */
export function sentLiterals(scratch: usize): usize {
  return sentSymbols(scratch + LITERAL_CODES, LITERALS, 257);
}

/** How many distances the header gives lengths for. */
export function sentDistances(scratch: usize): usize {
  return sentSymbols(scratch + DISTANCE_CODES, DISTANCES, 1);
}

/** Describes the dynamic codes in HEADER and makes the code for the description; returns where HEADER ends. */
export function makeHeader(scratch: usize, literals: usize, distances: usize): usize {
  const end = describeCodes(scratch, literals, distances);
  makeCodes(scratch + LENGTH_COUNTS, LENGTHS, LENGTH_LIMIT, scratch + LENGTH_CODES, scratch + HUFFMAN);
  return end;
}

/** How many lengths of the code for code lengths the header holds. */
export function sentLengths(scratch: usize): usize {
  let lengths = LENGTHS;
  while (lengths > 4 && load<u32>(scratch + LENGTH_CODES + (orderAt(lengths - 1) << 2)) == 0) lengths--;
  return lengths;
}

/** Bits of the block's header, of the literals, lengths and distances with the dynamic codes, without extra bits. */
export function dynamicBits(scratch: usize, lengths: usize): u32 {
  return (
    17 +
    3 * <u32>lengths +
    codedBits(scratch + LENGTH_COUNTS, scratch + LENGTH_CODES, LENGTHS) +
    2 * load<u32>(scratch + LENGTH_COUNTS + (16 << 2)) +
    3 * load<u32>(scratch + LENGTH_COUNTS + (17 << 2)) +
    7 * load<u32>(scratch + LENGTH_COUNTS + (18 << 2)) +
    codedBits(scratch + LITERAL_COUNTS, scratch + LITERAL_CODES, LITERALS) +
    codedBits(scratch + DISTANCE_COUNTS, scratch + DISTANCE_CODES, DISTANCES)
  );
}
