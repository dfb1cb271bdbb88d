// The search of the deflate module: which bytes of a page are sent as matches.
//
// It is lazy, with one candidate per hash of 4 bytes. Matches of 3 bytes are looked for only in pages that are full of
// them: arrays of numbers, which become half as large that way. In other pages they cost a quarter of all time for 1 or
// 2 %. Compared with zlib's level 1, pages of tables and slabs are 3 to 4 % smaller, pages of code and text up to 1 %
// larger.
//
// Cost per 4 KiB page of kernel memory: 3 µs for tables and slabs, 7 µs for text and code, 12 µs with matches of 3
// bytes.
import {
  COUNTS,
  count,
  END_OF_BLOCK,
  ENTRIES,
  LITERALS,
  FIRST_LENGTH,
  NOTHING,
  SHORT_TABLE,
  SYMBOL_MASK,
  TABLE,
  VALUE_SHIFT,
} from "./_deflate.as";
import { clear, equal16, equalMask, matchEnd } from "./_match.as";

const MAX_DISTANCE: usize = 32768;
const MAX_MATCH: usize = 258;

// Entries of the table (u16 each) for pages up to 4 KiB and for larger pages: each page pays for clearing it. They are
// constants in two copies of the search, because a shift by a variable number takes a register that the loop needs.
const BITS_SMALL: u32 = 12;
const BITS_LARGE: u32 = 13; // not above MAX_HASH_BITS
const BITS_SHORT: u32 = 11; // of the table for 3 bytes
// A shorter match is replaced by a longer one that begins a byte later. From 24 on arrays of structures, and with them
// whole dumps, become 2 % larger (measured).
const LAZY: usize = 16;
const HASH: u32 = 0x9e3779b1;

/** Writes the two entries of a match. */
@inline
function putMatch(to: usize, length: u32, distance: u32): void {
  const x = length - 3;
  const l = 29 - clz(x | 4);
  const symbol = (l << 2) + (x >>> l) + <u32>(length == 258);
  const y = distance - 1;
  const d = 30 - clz(y | 2);
  const far = (d << 1) + (y >>> d);
  store<u32>(to, ((<u32>FIRST_LENGTH + symbol) << 2) | (x << VALUE_SHIFT));
  store<u32>(to, ((<u32>LITERALS + far) << 2) | (y << VALUE_SHIFT), 4);
}

/** Writes n literals; n may be 0. Eight are written at once: the next entries overwrite the surplus. */
@inline
function putLiterals(to: usize, from: usize, n: usize): void {
  let v = i16x8.shl(v128.load_ext<u8>(from), 2);
  v128.store(to, i32x4.extend_low_i16x8_u(v));
  v128.store(to, i32x4.extend_high_i16x8_u(v), 16);
  for (let i: usize = 8; i < n; i += 8) {
    v = i16x8.shl(v128.load_ext<u8>(from + i), 2);
    v128.store(to + (i << 2), i32x4.extend_low_i16x8_u(v));
    v128.store(to + (i << 2), i32x4.extend_high_i16x8_u(v), 16);
  }
}

/** Offset in the table. */
@inline
function slotOf(word: u32, shift: u32): usize {
  return <usize>((word * HASH) >>> shift) << 1;
}

/**
 * Returns the candidate for the bytes `word` at `at`, and makes `at` the next candidate. It is the last position of the
 * same 4 bytes or, with `three` and if there is none, of the same 3. The caller must still compare it.
 */
@inline
function candidate(src: usize, at: usize, word: u32, table: usize, shift: u32, three: bool): usize {
  const slot = table + slotOf(word, shift);
  const from = src + <usize>load<u16>(slot);
  store<u16>(slot, at - src);
  if (!three) return from;
  const shortSlot = table + ((SHORT_TABLE - TABLE) + slotOf(word << 8, 32 - BITS_SHORT));
  const short = src + <usize>load<u16>(shortSlot);
  store<u16>(shortSlot, at - src);
  return load<u32>(from) == word ? from : short;
}

/** Enters a position into the table. */
@inline
function enter(src: usize, at: usize, table: usize, shift: u32): void {
  store<u16>(table + slotOf(load<u32>(at), shift), at - src);
}

/** Whether the 4 or 3 bytes at `at` are not those of `word`. */
@inline
function differs(at: usize, word: u32, three: bool): bool {
  return three ? (load<u32>(at) ^ word) << 8 != 0 : load<u32>(at) != word;
}

/** How often exactly three equal bytes follow each other in an equalMask. */
@inline
function threes(equal: u32): u32 {
  return popcnt(equal & (equal >>> 1) & (equal >>> 2) & ~(equal >>> 3) & ~(equal << 1));
}

/**
 * Whether the page is an array of 32-bit numbers that share three bytes with the previous number, or with the third
 * before (tables of the unwinder, of symbols, of relocations). A sixteenth of its bytes is checked.
 */
function wantsThrees(src: usize, len: usize): bool {
  let found: u32 = 0;
  for (let at = src + 16, last = src + len - 16; at <= last; at += 256) {
    found += threes(equalMask(at, at - 4)) + threes(equalMask(at, at - 12));
  }
  // One in every second checked place.
  return found >= <u32>(len >>> 9);
}

/** findMatches for pages with a table of 2^bits entries and, with `three`, another one for 3 bytes. */
@inline
function search(src: usize, len: usize, scratch: usize, bits: u32, small: bool, three: bool): usize {
  let to = scratch + ENTRIES;
  const end = src + len;
  let literals = src; // start of the bytes that no match has covered yet
  if (len >= 24) {
    const shift = 32 - bits;
    const table = scratch + TABLE;
    clear(table, 2 << bits);
    if (three) clear(scratch + SHORT_TABLE, 2 << BITS_SHORT);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 19;
    let ip = src + 1;

    while (ip <= last) {
      let word = load<u32>(ip);
      let from = candidate(src, ip, word, table, shift, three);
      if (differs(from, word, three)) {
        // The same for the next three positions: four per iteration.
        ip++;
        word = load<u32>(ip);
        from = candidate(src, ip, word, table, shift, three);
        if (differs(from, word, three)) {
          ip++;
          word = load<u32>(ip);
          from = candidate(src, ip, word, table, shift, three);
          if (differs(from, word, three)) {
            ip++;
            word = load<u32>(ip);
            from = candidate(src, ip, word, table, shift, three);
            if (differs(from, word, three)) {
              // The longer nothing is found, the larger the steps: a page that does not compress is finished soon.
              ip += 1 + ((ip - literals) >>> 6);
              continue;
            }
          }
        }
      }
      if (!small && ip - from > MAX_DISTANCE) {
        ip++;
        continue;
      }

      // Equal bytes before the match belong to it. Up to eight are compared, all at once, so that there is no branch to
      // mispredict.
      let distance = ip - from;
      let start = ip;
      let found = ip; // where the match was found: it may begin earlier
      if (from - src >= 8) start -= min(<usize>(clz(load<u64>(ip - 8) ^ load<u64>(from - 8)) >>> 3), ip - literals);
      const equal = equal16(ip, from);
      ip += equal;
      if (equal == 16) ip = matchEnd(ip, ip - distance, end);
      while (true) {
        // The match at the next byte, if it is longer. At most one byte behind `last` is tried: there is room for that.
        while (ip - start < LAZY && found <= last) {
          found++;
          const word = load<u32>(found);
          const other = candidate(src, found, word, table, shift, three);
          // A candidate that has only the same hash may still have equal bytes before it, and so be longer. But it
          // would end where it was found, and that position is in the table already: the next match would be with
          // itself.
          if (differs(other, word, three) || (!small && found - other > MAX_DISTANCE)) break;
          let otherStart = found;
          if (other - src >= 8) {
            const before = <usize>(clz(load<u64>(found - 8) ^ load<u64>(other - 8)) >>> 3);
            otherStart -= min(before, found - literals);
          }
          const equal = equal16(found, other);
          const otherEnd = equal == 16 ? matchEnd(found + 16, other + 16, end) : found + equal;
          if (otherEnd - otherStart <= ip - start) break;
          start = otherStart;
          ip = otherEnd;
          distance = found - other;
        }
        const run = start - literals;
        putLiterals(to, literals, run);
        to += run << 2;
        let length = ip - start;
        for (; length > MAX_MATCH; to += 8) {
          // No piece is shorter than 3.
          const piece = min(MAX_MATCH, length - 3);
          putMatch(to, <u32>piece, <u32>distance);
          length -= piece;
        }
        putMatch(to, <u32>length, <u32>distance);
        to += 8;
        literals = ip;
        if (ip > last) break;
        // Only the last position of a match is entered into the table; its first bytes are where the match was found.
        enter(src, ip - 1, table, shift);
        // Most often a match follows at once, without a literal between them.
        const word = load<u32>(ip);
        const next = candidate(src, ip, word, table, shift, three);
        if (!differs(next, word, three) && (small || ip - next <= MAX_DISTANCE)) {
          start = ip;
          found = ip;
          distance = ip - next;
          const equal = equal16(ip, next);
          ip += equal;
          if (equal == 16) ip = matchEnd(ip, ip - distance, end);
          continue;
        }
        // LZO and snappy try the same distance again here. With prefix codes that makes pages larger: a match that
        // starts one byte later costs more than it saves.
        ip++;
        break;
      }
    }
  }
  for (; end - literals >= 8; literals += 8) {
    putLiterals(to, literals, 8);
    to += 32;
  }
  for (; literals < end; literals++) {
    store<u32>(to, <u32>load<u8>(literals) << 2);
    to += 4;
  }
  store<u32>(to, <u32>END_OF_BLOCK << 2);
  to += 4;
  // Entries are sent three at a time.
  store<u32>(to, <u32>NOTHING << 2);
  store<u32>(to, <u32>NOTHING << 2, 4);
  store<u32>(to, <u32>NOTHING << 2, 8);
  // The count of NOTHING is not used.
  const counts = scratch + COUNTS;
  for (let e = scratch + ENTRIES; e < to; e += 8) {
    count(counts + <usize>(load<u32>(e) & SYMBOL_MASK));
    count(counts + <usize>(load<u32>(e, 4) & SYMBOL_MASK));
  }
  return to;
}

function searchSmall(src: usize, len: usize, scratch: usize): usize {
  return search(src, len, scratch, BITS_SMALL, true, false);
}

function searchSmallThrees(src: usize, len: usize, scratch: usize): usize {
  return search(src, len, scratch, BITS_SMALL, true, true);
}

function searchLarge(src: usize, len: usize, scratch: usize): usize {
  return search(src, len, scratch, BITS_LARGE, false, false);
}

function searchLargeThrees(src: usize, len: usize, scratch: usize): usize {
  return search(src, len, scratch, BITS_LARGE, false, true);
}

/**
 * Finds the matches of src[0, len). Writes the entries of the block and adds up the counts of both alphabets, which
 * must be zero before. Returns the end of the entries; up to two entries of NOTHING behind it may be sent, too.
 */
export function findMatches(src: usize, len: usize, scratch: usize): usize {
  const three = len >= 64 && wantsThrees(src, len);
  if (len <= 4096) return three ? searchSmallThrees(src, len, scratch) : searchSmall(src, len, scratch);
  return three ? searchLargeThrees(src, len, scratch) : searchLarge(src, len, scratch);
}
