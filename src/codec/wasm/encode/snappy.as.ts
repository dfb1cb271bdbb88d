// Snappy compression into a raw block, written from google/snappy format_description.txt; the search is this project's
// own.
//
// Cost per 4 KiB page: 2.3 µs for tables and slabs, 6.5 µs for text and code, nearly all of it for branches that cannot
// be predicted and loads that wait for each other.
import { copyExact, copyWide } from "../decode/_copy.as";
import { clear, equal16, equalMask, matchEnd, runsOf7 } from "./_match.as";

// Positions and distances have 16 bits.
const MAX_LEN: usize = 65536;
// Entries of the hash table (u16 each) for pages up to 4 KiB and for larger pages: each page pays for clearing it. They
// are constants in two copies of the search, because a shift by a variable number takes a register that the loop needs.
const BITS_SMALL: u32 = 11;
const BITS_LARGE: u32 = 13;
// After 1 to 3 different bytes, the same distance is tried again.
const NEARBY: u32 = 0b1110;
const HASH: u32 = 0x9e3779b1;

/** Offset in the table. */
@inline
function slotOf(word: u32, shift: u32): usize {
  return <usize>((word * HASH) >>> shift) << 1;
}

/** Bytes of scratch that compress needs. */
export function scratchSize(): i32 {
  return 2 << BITS_LARGE;
}

/** Bytes before n literals (n <= 65536). */
@inline
function literalTagSize(n: usize): usize {
  return n <= 60 ? 1 : n <= 256 ? 2 : n <= 65536 ? 3 : 4;
}

@inline
function putLiteralTag(op: usize, n: usize): usize {
  const m = n - 1;
  if (m < 60) {
    store<u8>(op, m << 2);
    return op + 1;
  }
  if (m < 256) {
    store<u16>(op, (60 << 2) | (m << 8));
    return op + 2;
  }
  store<u8>(op, 61 << 2);
  store<u16>(op + 1, m);
  return op + 3;
}

/** Bytes that putMatch writes. */
function matchSize(length: usize, distance: usize): usize {
  let size: usize = 0;
  while (length >= 68) {
    size += 3;
    length -= 64;
  }
  if (length > 64) {
    size += 3;
    length -= 60;
  }
  return size + (length < 12 && distance < 2048 ? 2 : 3);
}

/** Writes a match of 4 bytes or more, as copies of 4 to 64 bytes. */
function putMatch(op: usize, length: usize, distance: usize): usize {
  while (length >= 68) {
    store<u8>(op, (63 << 2) | 2);
    store<u16>(op + 1, distance);
    op += 3;
    length -= 64;
  }
  if (length > 64) {
    store<u8>(op, (59 << 2) | 2);
    store<u16>(op + 1, distance);
    op += 3;
    length -= 60;
  }
  if (length < 12 && distance < 2048) {
    store<u16>(op, 1 | ((length - 4) << 2) | ((distance >>> 8) << 5) | ((distance & 255) << 8));
    return op + 2;
  }
  store<u8>(op, ((length - 1) << 2) | 2);
  store<u16>(op + 1, distance);
  return op + 3;
}

/**
 * Writes n literals and a match behind them, whatever their lengths and however little room there is. Returns their
 * end, or 0 if they do not fit. Not inlined, so that the loop that calls it keeps its registers.
 */
function putSlowly(op: usize, stop: usize, literals: usize, n: usize, length: usize, distance: usize): usize {
  if (stop - op < (n > 0 ? literalTagSize(n) + n : 0) + matchSize(length, distance)) return 0;
  if (n > 0) {
    op = putLiteralTag(op, n);
    copyWide(op, literals, n, min(n + length, stop - op));
    op += n;
  }
  return putMatch(op, length, distance);
}

/** compress for pages with a table of 2^bits entries. */
@inline
function encode(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize, bits: u32): i32 {
  const end = src + len;
  const stop = dst + cap;
  let op = dst;
  let literals = src; // start of the bytes that no match has covered yet

  // The block starts with the length, 7 bits per byte.
  if (cap < 3 && cap < <usize>(len < 128 ? 1 : len < 16384 ? 2 : 3)) return 0;
  let rest = len;
  while (rest >= 128) {
    store<u8>(op++, rest | 128);
    rest >>>= 7;
  }
  store<u8>(op++, rest);

  if (len >= 24) {
    const shift = 32 - bits;
    clear(scratch, 2 << bits);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 19;
    let ip = src + 1;

    while (ip <= last) {
      let word = load<u32>(ip);
      let slot = scratch + slotOf(word, shift);
      let from = src + <usize>load<u16>(slot);
      store<u16>(slot, ip - src);
      if (load<u32>(from) != word) {
        // The same for the next three positions: four per iteration.
        ip++;
        word = load<u32>(ip);
        slot = scratch + slotOf(word, shift);
        from = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(from) != word) {
          ip++;
          word = load<u32>(ip);
          slot = scratch + slotOf(word, shift);
          from = src + <usize>load<u16>(slot);
          store<u16>(slot, ip - src);
          if (load<u32>(from) != word) {
            ip++;
            word = load<u32>(ip);
            slot = scratch + slotOf(word, shift);
            from = src + <usize>load<u16>(slot);
            store<u16>(slot, ip - src);
            if (load<u32>(from) != word) {
              // The longer nothing is found, the larger the steps: a page that does not compress is finished soon.
              ip += 1 + ((ip - literals) >>> 4);
              continue;
            }
          }
        }
      }
      // Equal bytes before the match belong to it. Up to eight are compared, all at once, so that there is no branch to
      // mispredict.
      let distance = ip - from;
      let start = ip;
      if (from - src >= 8) start -= min(<usize>(clz(load<u64>(ip - 8) ^ load<u64>(from - 8)) >>> 3), ip - literals);
      const equal = equal16(ip, from);
      ip += equal;
      if (equal == 16) ip = matchEnd(ip, ip - distance, end);
      while (true) {
        const n = start - literals;
        const length = ip - start;
        if (n <= 16 && op < safe) {
          // Runs of literals are short and their lengths cannot be predicted, so there is no branch on them here.
          store<u8>(op, (n - 1) << 2);
          op += <usize>(n > 0);
          v128.store(op, v128.load(literals));
          op += n;
          if (length <= 64) {
            // Both kinds of copy are made, and one of them is used.
            const short = <u32>(length < 12) & <u32>(distance < 2048);
            const two = 1 | ((<u32>length - 4) << 2) | ((<u32>distance >>> 8) << 5) | ((<u32>distance & 255) << 8);
            const three = ((<u32>length - 1) << 2) | 2 | (<u32>distance << 8);
            store<u32>(op, select<u32>(two, three, short));
            op += 3 - <usize>short;
          } else {
            op = putMatch(op, length, distance);
          }
        } else {
          op = putSlowly(op, stop, literals, n, length, distance);
          if (op == 0) return 0;
        }
        literals = ip;
        if (ip > last) break;
        // Only one position near the end of a match is entered into the table; its first bytes are where the match was
        // found.
        store<u16>(scratch + slotOf(load<u32>(ip - 1), shift), ip - 1 - src);
        // Most often a match follows at once, without a literal between them.
        const word = load<u32>(ip);
        const slot = scratch + slotOf(word, shift);
        const next = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(next) == word) {
          start = ip;
          distance = ip - next;
          const equal = equal16(ip, next);
          ip += equal;
          if (equal == 16) ip = matchEnd(ip, ip - distance, end);
          continue;
        }
        // In an array of structures the next match has the same distance, with a few different bytes between the two.
        // Comparing at that distance is faster than the table, and finds the match after any number of such bytes at
        // once. Six equal bytes are not enough: pointers into the same memory have as many, and the table may know a
        // place where all eight are equal.
        const equal = equalMask(ip, ip - distance);
        const runs = runsOf7(equal) & NEARBY;
        if (runs == 0) {
          ip++;
          break;
        }
        const skipped = ctz(runs);
        start = ip + skipped;
        const more = ctz(~(equal >>> skipped));
        ip = start + more;
        if (skipped + more == 16) ip = matchEnd(ip, ip - distance, end);
      }
    }
  }

  const n = end - literals;
  if (n > 0) {
    if (stop - op < literalTagSize(n) + n) return 0;
    op = putLiteralTag(op, n);
    copyExact(op, literals, n);
    op += n;
  }
  return <i32>(op - dst);
}

function encodeSmall(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize): i32 {
  return encode(src, len, dst, cap, scratch, safe, BITS_SMALL);
}

function encodeLarge(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize): i32 {
  return encode(src, len, dst, cap, scratch, safe, BITS_LARGE);
}

/**
 * Compresses src[0, len), 1 to 65536 bytes, into one raw snappy block. Returns its length, or 0 if it would be longer
 * than cap or if len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
  // Address in the output up to which a sequence of up to 16 literals may start, so that it certainly fits, with the 16
  // bytes that are stored at a time.
  const slack: usize = 48 + (len >>> 4);
  const safe = cap > slack ? dst + cap - slack : dst;
  return len <= 4096 ? encodeSmall(src, len, dst, cap, scratch, safe) : encodeLarge(src, len, dst, cap, scratch, safe);
}
