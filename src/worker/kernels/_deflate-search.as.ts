// The search of the deflate kernel: which bytes of a page are sent as matches.
//
// Greedy, with one candidate per hash of 4 bytes: what a longer search finds makes pages 3 % smaller and takes twice the
// time. Matches of 3 bytes are left out, they save next to nothing.
//
// Cost per 4 KiB page of kernel memory: 3 µs for tables and slabs, 6 µs for code and text.
import { copyExact } from "../../reader/kernels/_copy.as";
import { count, DISTANCE_COUNTS, END_OF_BLOCK, LITERAL_BYTES, LITERAL_COUNTS, TABLE, TOKENS } from "./_deflate.as";
import { clear, equal16, matchEnd } from "./_match.as";

const MAX_DISTANCE: usize = 32768;
const MAX_MATCH: usize = 258;

// Entries of the table (u16 each) by page size: clearing it is paid per page.
const BITS_4K: u32 = 11;
const BITS_16K: u32 = 12;
const BITS_64K: u32 = 13; // not above MAX_HASH_BITS
const HASH: u32 = 0x9e3779b1;

/** Bits behind the symbol of length `length` (3 to 257). */
@inline
function lengthBits(length: u32): u32 {
  return 29 - clz((length - 3) | 4);
}

/** Bits behind the symbol of a distance. */
@inline
function distanceBits(distance: u32): u32 {
  return 30 - clz((distance - 1) | 2);
}

/**
 * A match and the literals in front of it: 17 bits literals, 9 length, 15 distance - 1, 5 and 5 for the symbols of both
 * less their first.
 */
@inline
function putToken(scratch: usize, token: usize, literals: usize, length: u32, distance: u32): void {
  let l = lengthBits(length);
  let symbol = (l << 2) + ((length - 3) >>> l);
  symbol = select<u32>(28, symbol, length == 258);
  const d = distanceBits(distance);
  const far = (d << 1) + ((distance - 1) >>> d);
  count(scratch + LITERAL_COUNTS + ((257 + symbol) << 2));
  count(scratch + DISTANCE_COUNTS + (far << 2));
  store<u64>(
    token,
    (<u64>literals) | ((<u64>length) << 17) | ((<u64>(distance - 1)) << 26) | ((<u64>symbol) << 41) | ((<u64>far) << 46),
  );
}

/** Offset in the table. */
@inline
function hash4(word: u32, shift: u32): usize {
  return <usize>((word * HASH) >>> shift) << 1;
}

/** Counts the bytes of [from, to). All at once, so that the loop does not end where no one can predict it. */
@inline
function countLiterals(counts: usize, from: usize, to: usize): void {
  for (; to - from >= 4; from += 4) {
    const word = load<u32>(from);
    count(counts + (<usize>(word & 255) << 2));
    count(counts + (<usize>((word >>> 8) & 255) << 2));
    count(counts + (<usize>((word >>> 16) & 255) << 2));
    count(counts + (<usize>(word >>> 24) << 2));
  }
  for (; from < to; from++) count(counts + (<usize>load<u8>(from) << 2));
}

/**
 * Finds the matches of src[0, len). Writes the tokens and the literals, adds up the counts of both alphabets, which must be
 * zero.
 */
export function findMatches(src: usize, len: usize, scratch: usize): void {
  let token = scratch + TOKENS;
  const end = src + len;
  let literals = src; // start of the bytes that no match has covered yet
  let to = scratch + LITERAL_BYTES; // where they go
  if (len >= 20) {
    const bits: u32 = len <= 4096 ? BITS_4K : len <= 16384 ? BITS_16K : BITS_64K;
    const shift = 32 - bits;
    const table = scratch + TABLE;
    clear(table, 2 << bits);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 17;
    const far = len > MAX_DISTANCE;
    let ip = src + 1;

    while (ip <= last) {
      let word = load<u32>(ip);
      let slot = table + hash4(word, shift);
      let from = src + <usize>load<u16>(slot);
      store<u16>(slot, ip - src);
      if (load<u32>(from) != word) {
        // The same again one byte on: two tries a turn of the loop halve what the loop itself costs.
        ip++;
        word = load<u32>(ip);
        slot = table + hash4(word, shift);
        from = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(from) != word) {
          // The longer nothing is found, the larger the steps: a page that does not compress is over soon.
          ip += 1 + ((ip - literals) >>> 5);
          continue;
        }
      }
      const distance = ip - from;
      if (far && distance > MAX_DISTANCE) {
        ip++;
        continue;
      }

      // Bytes in front that are equal too belong to the match. Eight are enough, and looking at them all at once costs no
      // branch that could be mispredicted.
      let start = ip;
      if (from - src >= 8) start -= min(<usize>(clz(load<u64>(ip - 8) ^ load<u64>(from - 8)) >>> 3), ip - literals);
      const n = equal16(ip, from);
      ip += n;
      if (n == 16) ip = matchEnd(ip, ip - distance, end);

      let run = start - literals;
      v128.store(to, v128.load(literals));
      for (let i: usize = 16; i < run; i += 16) v128.store(to + i, v128.load(literals + i));
      to += run;
      let length = ip - start;
      for (; length > MAX_MATCH; token += 8) {
        // No piece is shorter than 4.
        const piece = min(MAX_MATCH, length - 4);
        putToken(scratch, token, run, <u32>piece, <u32>distance);
        run = 0;
        length -= piece;
      }
      putToken(scratch, token, run, <u32>length, <u32>distance);
      token += 8;
      literals = ip;
      // Of a match only one position near its end is entered in the table: where it was found, its first bytes are.
      if (ip <= last) store<u16>(table + hash4(load<u32>(ip - 2), shift), ip - 2 - src);
    }
  }
  copyExact(to, literals, end - literals);
  const counts = scratch + LITERAL_COUNTS;
  countLiterals(counts, scratch + LITERAL_BYTES, to + (end - literals));
  count(counts + (END_OF_BLOCK << 2));
  // The literals behind the last match.
  store<u64>(token, end - literals);
}
