// LZO1X compression, bitstream version 0: any LZO1X decompressor reads it. Written from the description of the stream
// in the Linux kernel's Documentation/staging/lzo.rst; the search is this project's own.
//
// Cost per 4 KiB page: 2.3 µs for tables and slabs, 6.5 µs for text and code, nearly all of it for branches that cannot
// be predicted and loads that wait for each other.
import { copyExact, copyWide } from "../decode/_copy.as";
import { clear, equal16, equalMask, matchEnd, runsOf4 } from "./_match.as";

// Positions have 16 bits.
const MAX_LEN: usize = 65536;
// The largest distance that the stream can express.
const MAX_DISTANCE: usize = 0xbfff;
// Entries of the hash table (u16 each) for pages up to 4 KiB and for larger pages: each page pays for clearing it. They
// are constants in two copies of the search, because a shift by a variable number takes a register that the loop needs.
const BITS_SMALL: u32 = 12;
const BITS_LARGE: u32 = 13;
// After 1 to 4 different bytes, the same distance is tried again.
const NEARBY: u32 = 0b11110;
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

/** Bytes for a length that exceeds what its code can hold by `n`: none, or a zero for every 255 and one more byte. */
@inline
function extraSize(n: i32): i32 {
  return n <= 0 ? 0 : 1 + (n - 1) / 255;
}

/** Writes the bytes that extraSize counts (n > 0). */
@inline
function putExtra(op: usize, n: usize): usize {
  while (n > 255) {
    store<u8>(op++, 0);
    n -= 255;
  }
  store<u8>(op++, n);
  return op;
}

/** Writes the code of n literals (n > 0); 1 to 3 literals behind a match are counted in two bits of the match. */
@inline
function putLiteralCode(op: usize, n: usize, first: bool): usize {
  if (first) {
    if (n <= 238) {
      store<u8>(op, 17 + n);
      return op + 1;
    }
  } else if (n <= 3) {
    store<u8>(op - 2, load<u8>(op - 2) | <u8>n);
    return op;
  }
  if (n <= 18) {
    store<u8>(op, n - 3);
    return op + 1;
  }
  store<u8>(op, 0);
  return putExtra(op + 1, n - 18);
}

/** Writes a match of 4 bytes or more, with the shortest code for the distance. */
function putMatch(op: usize, length: usize, distance: usize): usize {
  let d = distance - 1;
  if (length <= 8 && d < 2048) {
    store<u16>(op, ((length - 1) << 5) | ((d & 7) << 2) | ((d >>> 3) << 8));
    return op + 2;
  }
  let code: usize = 32;
  let most: usize = 31;
  if (d >= 16384) {
    d = distance - 16384;
    code = 16 | ((d >>> 14) << 3);
    most = 7;
  }
  const n = length - 2;
  if (n <= most) {
    store<u8>(op++, code | n);
  } else {
    store<u8>(op, code);
    op = putExtra(op + 1, n - most);
  }
  store<u16>(op, d << 2);
  return op + 2;
}

/** Exact size of n literals and a match behind them (length 0: no match). */
function sequenceSize(n: i32, length: i32, distance: i32, first: bool): i32 {
  let size = n;
  if (first ? n > 238 : n > 18) size += 1 + extraSize(n - 18);
  else if (first ? n > 0 : n > 3) size += 1;
  if (length == 0) return size;
  if (length <= 8 && distance <= 2048) return size + 2;
  return size + 3 + extraSize(length - 2 - (distance <= 16384 ? 31 : 7));
}

/**
 * Writes n literals and a match behind them, whatever their lengths and however little room there is. Returns their
 * end, or 0 if they do not fit. Not inlined, so that the loop that calls it keeps its registers.
 */
function putSlowly(op: usize, stop: usize, literals: usize, n: usize, length: usize, distance: usize, first: bool): usize {
  if (<i32>(stop - op) < sequenceSize(<i32>n, <i32>length, <i32>distance, first)) return 0;
  if (n > 0) {
    op = putLiteralCode(op, n, first);
    copyWide(op, literals, n, min(n + length, stop - op));
    op += n;
  }
  return putMatch(op, length, distance);
}

/** compress for pages with a table of 2^bits entries. */
@inline
function encode(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize, bits: u32, small: bool): i32 {
  const end = src + len;
  const stop = dst + cap;
  let op = dst;
  let literals = src; // start of the bytes that no match has covered yet

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
      if (!small && ip - from > MAX_DISTANCE) {
        ip++;
        continue;
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
        // Before the first sequence op - dst - 1 wraps to the largest number: the first code is different.
        if (n <= 16 && op - dst - 1 < safe) {
          // Up to 3 literals are counted in the match before them; more have a code of one byte. Runs of literals are
          // short and their lengths cannot be predicted, so there is no branch on them here.
          const many = n > 3;
          store<u8>(op - 2, <u32>load<u8>(op - 2) | select<u32>(0, <u32>n, many));
          store<u8>(op, n - 3);
          op += <usize>many;
          v128.store(op, v128.load(literals));
          op += n;
          if (length <= 33 && (small || distance <= 16384)) {
            // Both codes are made, and one of them is used.
            const d = <u32>distance - 1;
            const short = <u32>(length <= 8) & <u32>(d < 2048);
            const two = ((<u32>length - 1) << 5) | ((d & 7) << 2) | ((d >>> 3) << 8);
            const three = 32 | (<u32>length - 2) | (d << 10);
            store<u32>(op, select<u32>(two, three, short));
            op += 3 - <usize>short;
          } else {
            op = putMatch(op, length, distance);
          }
        } else {
          op = putSlowly(op, stop, literals, n, length, distance, op == dst);
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
        if (load<u32>(next) == word && (small || ip - next <= MAX_DISTANCE)) {
          start = ip;
          distance = ip - next;
          const equal = equal16(ip, next);
          ip += equal;
          if (equal == 16) ip = matchEnd(ip, ip - distance, end);
          continue;
        }
        // In an array of structures the next match has the same distance, with a few different bytes between the two.
        // Comparing at that distance is faster than the table, and finds the match after any number of such bytes at
        // once.
        const equal = equalMask(ip, ip - distance);
        const runs = runsOf4(equal) & NEARBY;
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
  const first = op == dst;
  if (<i32>(stop - op) < sequenceSize(<i32>n, 0, 0, first) + 3) return 0;
  if (n > 0) {
    op = putLiteralCode(op, n, first);
    copyExact(op, literals, n);
    op += n;
  }
  // The end marker.
  store<u16>(op, 0x11);
  store<u8>(op + 2, 0);
  return <i32>(op + 3 - dst);
}

function encodeSmall(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize): i32 {
  return encode(src, len, dst, cap, scratch, safe, BITS_SMALL, true);
}

function encodeLarge(src: usize, len: usize, dst: usize, cap: usize, scratch: usize, safe: usize): i32 {
  return encode(src, len, dst, cap, scratch, safe, BITS_LARGE, false);
}

/**
 * Compresses src[0, len), up to 65536 bytes, into one LZO1X stream. Returns its length, or 0 if it would be longer than
 * cap or if len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
  // Offset in the output up to which a sequence of up to 16 literals may start, so that it certainly fits, with the 16
  // bytes that are stored at a time.
  const slack: usize = 48 + (len >>> 7);
  const safe = cap > slack ? cap - slack : 0;
  return len <= 4096 ? encodeSmall(src, len, dst, cap, scratch, safe) : encodeLarge(src, len, dst, cap, scratch, safe);
}
