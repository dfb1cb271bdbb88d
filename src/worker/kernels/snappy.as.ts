// Snappy compression into a raw block, written from google/snappy format_description.txt; the search is this project's own.
//
// Cost per 4 KiB page of kernel memory: 6 to 9 µs.
import { copyExact } from "../../reader/kernels/_copy.as";
import { clear, matchEnd } from "./_match.as";

// Entries of the hash table (u16 each) for pages up to 4 KiB, up to 16 KiB, and larger: clearing it is paid per page.
const BITS_4K: u32 = 11;
const BITS_16K: u32 = 12;
const BITS_64K: u32 = 13;
const HASH: u32 = 0x9e3779b1;

/** Bytes of scratch that compress needs. */
export function scratchSize(): i32 {
  return 2 << BITS_64K;
}

/** Bytes in front of n literals (n <= 65536). */
// @ts-ignore: decorator
@inline
function literalTagSize(n: usize): usize {
  return n <= 60 ? 1 : n <= 256 ? 2 : n <= 65536 ? 3 : 4;
}

// @ts-ignore: decorator
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

/** A match of 4 bytes or more, in copies of at most 64 bytes none of which is shorter than 4. */
// @ts-ignore: decorator
@inline
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
 * Compresses src[0, len), len from 1 to 65536 bytes, into one raw snappy block. Returns its length, or 0 when it would be
 * longer than cap. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  const end = src + len;
  const stop = dst + cap;
  let op = dst;
  let literals = src; // start of the bytes that no match has covered yet

  // The block starts with the length, 7 bits a byte.
  if (cap < 3 && cap < <usize>(len < 128 ? 1 : len < 16384 ? 2 : 3)) return 0;
  let rest = len;
  while (rest >= 128) {
    store<u8>(op++, rest | 128);
    rest >>>= 7;
  }
  store<u8>(op++, rest);

  if (len >= 16) {
    const bits: u32 = len <= 4096 ? BITS_4K : len <= 16384 ? BITS_16K : BITS_64K;
    const shift = 32 - bits;
    clear(scratch, 2 << bits);
    const last = end - 12; // the last position a search may start from
    let ip = src + 1;
    let misses: usize = 32;

    while (ip <= last) {
      const word = load<u32>(ip);
      const slot = scratch + (((word * HASH) >>> shift) << 1);
      let from = src + <usize>load<u16>(slot);
      store<u16>(slot, ip - src);
      if (word != load<u32>(from)) {
        // The longer nothing is found, the larger the steps.
        ip += misses++ >>> 5;
        continue;
      }
      misses = 32;
      // Bytes in front that are equal too belong to the match: they were stepped over, or hashed to a lost entry.
      let start = ip;
      while (start > literals && from > src && load<u8>(start - 1) == load<u8>(from - 1)) {
        start--;
        from--;
      }
      ip = matchEnd(ip + 4, from + (ip - start) + 4, end);

      const n = start - literals;
      const length = ip - start;
      const distance = start - from;
      // The largest this sequence can be, and 16 bytes more for the wide copy of its literals.
      if (stop - op >= n + (length >>> 4) + 32 && end - start >= 16) {
        if (n > 0) {
          op = putLiteralTag(op, n);
          v128.store(op, v128.load(literals));
          for (let i: usize = 16; i < n; i += 16) v128.store(op + i, v128.load(literals + i));
          op += n;
        }
      } else {
        if (stop - op < (n > 0 ? literalTagSize(n) + n : 0) + matchSize(length, distance)) return 0;
        if (n > 0) {
          op = putLiteralTag(op, n);
          copyExact(op, literals, n);
          op += n;
        }
      }
      op = putMatch(op, length, distance);
      literals = ip;
      if (ip > last) break;
      // One position inside the match is worth an entry: what follows it often follows it again.
      const inside = load<u32>(ip - 2);
      store<u16>(scratch + (((inside * HASH) >>> shift) << 1), ip - 2 - src);
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
