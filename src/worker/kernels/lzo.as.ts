// LZO1X compression, bitstream version 0: any LZO1X decompressor reads it. Written from the description of the stream in
// the Linux kernel's Documentation/staging/lzo.rst; the search is this project's own.
//
// Cost per 4 KiB page: about 4 µs for kernel data, 8 µs for code, and 1 µs when nothing is found.
import { copyExact, copyWide } from "../../reader/kernels/_copy.as";
import { clear, equal16, matchEnd } from "./_match.as";

// Positions are held in 16 bits.
const MAX_LEN: usize = 65536;
// The farthest match the stream can express.
const MAX_DISTANCE: usize = 0xbfff;
// Entries of the hash table (u16 each) for pages up to 4 KiB, up to 16 KiB, and larger: clearing it is paid per page.
const BITS_4K: u32 = 12;
const BITS_16K: u32 = 13;
const BITS_64K: u32 = 13;
const HASH: u32 = 0x9e3779b1;

/** Bytes of scratch that compress needs. */
export function scratchSize(): i32 {
  return 2 << BITS_64K;
}

/** Bytes that a length of `n` beyond what its code holds takes: none, or a zero for every 255 and one byte more. */
@inline
function extraSize(n: i32): i32 {
  return n <= 0 ? 0 : 1 + (n - 1) / 255;
}

/** Writes what extraSize counts (n > 0). */
@inline
function putExtra(op: usize, n: usize): usize {
  while (n > 255) {
    store<u8>(op++, 0);
    n -= 255;
  }
  store<u8>(op++, n);
  return op;
}

/** The code in front of n literals (n > 0); 1 to 3 of them behind a match are counted in two bits of the match. */
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

/** A match of 4 bytes or more; the shortest code that reaches the distance. */
@inline
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

/** Exact size of n literals and a match behind them (length 0: none). */
function sequenceSize(n: i32, length: i32, distance: i32, first: bool): i32 {
  let size = n;
  if (first ? n > 238 : n > 18) size += 1 + extraSize(n - 18);
  else if (first ? n > 0 : n > 3) size += 1;
  if (length == 0) return size;
  if (length <= 8 && distance <= 2048) return size + 2;
  return size + 3 + extraSize(length - 2 - (distance <= 16384 ? 31 : 7));
}

/**
 * Compresses src[0, len), len up to 65536 bytes, into one LZO1X stream. Returns its length, or 0 when it would be longer
 * than cap or when len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
  const end = src + len;
  const stop = dst + cap;
  let op = dst;
  let literals = src; // start of the bytes that no match has covered yet

  if (len >= 20) {
    const bits: u32 = len <= 4096 ? BITS_4K : len <= 16384 ? BITS_16K : BITS_64K;
    const shift = 32 - bits;
    clear(scratch, 2 << bits);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 17;
    // Matches farther back than the stream can express exist in 64 KiB pages only.
    const far = len > MAX_DISTANCE;
    let ip = src + 1;

    while (ip <= last) {
      let word = load<u32>(ip);
      let slot = scratch + (((word * HASH) >>> shift) << 1);
      let from = src + <usize>load<u16>(slot);
      store<u16>(slot, ip - src);
      if (load<u32>(from) != word) {
        // The same again one byte on: two tries a turn of the loop halve what the loop itself costs.
        ip++;
        word = load<u32>(ip);
        slot = scratch + (((word * HASH) >>> shift) << 1);
        from = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(from) != word) {
          // The longer nothing is found, the larger the steps.
          ip += 1 + ((ip - literals) >>> 4);
          continue;
        }
      }
      if (far && ip - from > MAX_DISTANCE) {
        ip++;
        continue;
      }

      // Bytes in front that are equal too belong to the match. Eight are enough, and looking at them all at once costs no
      // branch that could be mispredicted.
      const distance = ip - from;
      let start = ip;
      if (from - src >= 8) start -= min(<usize>(clz(load<u64>(ip - 8) ^ load<u64>(from - 8)) >>> 3), ip - literals);
      const equal = equal16(ip, from);
      ip += equal;
      if (equal == 16) ip = matchEnd(ip, ip - distance, end);
      const n = start - literals;
      const length = ip - start;
      // The largest this sequence can be, and 16 bytes more for the wide copy of its literals.
      const room = stop - op >= n + ((n + length) >>> 7) + 24;
      if (n <= 16 && room && op != dst) {
        // Up to 3 literals are counted in the match in front of them, more have a code of a byte. Runs of literals are short
        // and their lengths cannot be predicted, so no branch depends on them here.
        const many = n > 3;
        store<u8>(op - 2, <u32>load<u8>(op - 2) | select<u32>(0, <u32>n, many));
        store<u8>(op, n - 3);
        op += <usize>many;
        v128.store(op, v128.load(literals));
        op += n;
      } else {
        const first = op == dst;
        if (!room && <i32>(stop - op) < sequenceSize(<i32>n, <i32>length, <i32>distance, first)) return 0;
        if (n > 0) {
          op = putLiteralCode(op, n, first);
          copyWide(op, literals, n, room ? n + 15 : n);
          op += n;
        }
      }
      if (room && length <= 33 && distance <= 16384) {
        // One of the two codes, both made.
        const d = <u32>distance - 1;
        const short = length <= 8 && d < 2048;
        const two = ((<u32>length - 1) << 5) | ((d & 7) << 2) | ((d >>> 3) << 8);
        const three = 32 | (<u32>length - 2) | (d << 10);
        store<u32>(op, select<u32>(two, three, short));
        op += 3 - <usize>short;
      } else {
        op = putMatch(op, length, distance);
      }
      literals = ip;
      // Of a match only one position near its end is entered in the table: where it was found, its first bytes are.
      if (ip <= last) store<u16>(scratch + (((load<u32>(ip - 2) * HASH) >>> shift) << 1), ip - 2 - src);
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
