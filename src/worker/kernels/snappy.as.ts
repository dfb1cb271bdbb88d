// Snappy compression into a raw block, written from google/snappy format_description.txt; the search is this project's own.
//
// Cost per 4 KiB page: about 4 µs for kernel data, 8 µs for code, and 1 µs when nothing is found.
import { copyExact, copyWide } from "../../reader/kernels/_copy.as";
import { clear, equal16, matchEnd } from "./_match.as";

// Positions and distances are held in 16 bits.
const MAX_LEN: usize = 65536;
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

/** A match of 4 bytes or more, in copies of at most 64 bytes none of which is shorter than 4. */
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
 * longer than cap or when len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
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

  if (len >= 20) {
    const bits: u32 = len <= 4096 ? BITS_4K : len <= 16384 ? BITS_16K : BITS_64K;
    const shift = 32 - bits;
    clear(scratch, 2 << bits);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 17;
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
      const room = stop - op >= n + (length >>> 4) + 32;
      if (n <= 16 && room) {
        // Runs of literals are short and their lengths cannot be predicted, so no branch depends on them here.
        store<u8>(op, (n - 1) << 2);
        op += <usize>(n > 0);
        v128.store(op, v128.load(literals));
        op += n;
      } else {
        if (!room && stop - op < (n > 0 ? literalTagSize(n) + n : 0) + matchSize(length, distance)) return 0;
        if (n > 0) {
          op = putLiteralTag(op, n);
          copyWide(op, literals, n, room ? n + 15 : n);
          op += n;
        }
      }
      if (room && length <= 64) {
        // One of the two kinds of copy, both made.
        const short = length < 12 && distance < 2048;
        const two = 1 | ((<u32>length - 4) << 2) | ((<u32>distance >>> 8) << 5) | ((<u32>distance & 255) << 8);
        const three = ((<u32>length - 1) << 2) | 2 | (<u32>distance << 8);
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
  if (n > 0) {
    if (stop - op < literalTagSize(n) + n) return 0;
    op = putLiteralTag(op, n);
    copyExact(op, literals, n);
    op += n;
  }
  return <i32>(op - dst);
}
