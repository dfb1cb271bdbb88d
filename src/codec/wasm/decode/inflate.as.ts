// Decompression of zlib streams (RFC 1950, RFC 1951).
//
// Cost per 4 KiB page: about 7 µs for kernel memory, 1.5 µs of which for the tables of its codes.
import { adler32 } from "./_adler.as";
import { copyExact, copyMatch } from "./_copy.as";
import { alignToByte, S_BITS, S_COUNT, S_END, S_IN, take } from "./_inflate-bits.as";
import {
  CODE_LENGTHS,
  DISTANCE_ROOT,
  DISTANCES,
  END_OF_BLOCK,
  FIXED_DISTANCES,
  FIXED_LITERALS,
  LENGTHS,
  LITERAL,
  LITERAL_ROOT,
  LITERALS,
  makeCodeLengths,
  makeDistances,
  makeLiterals,
  NO_DISTANCE,
  OTHER,
  prepare,
  SCRATCH,
  SUBTABLE,
} from "./_inflate-tables.as";

/** No address. */
const FAILED: usize = 0xffff_ffff;

/** Bytes of scratch that `decompress` needs. */
export function scratchSize(): usize {
  return SCRATCH + 64;
}

/**
 * Decompresses a zlib stream; like zlib, it ignores bytes behind it. Returns the number of bytes written to dst, or -1
 * if the stream is malformed, is cut off, needs a dictionary, has a wrong checksum, or holds more than cap bytes. Reads
 * only src[0, srcLen) and writes only dst[0, cap) and the scratch; after -1 dst holds what was decoded until then. The
 * scratch must be zeroed before the first call, and not be changed afterwards.
 */
export function decompress(src: usize, srcLen: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (srcLen < 6) return -1;
  // The method is deflate, there is no dictionary, and both bytes together are a multiple of 31.
  const head = ((<u32>load<u8>(src)) << 8) | <u32>load<u8>(src + 1);
  if ((head & 0x0f20) != 0x0800 || head >> 12 > 7 || head % 31 != 0) return -1;
  prepare(scratch);
  store<u64>(scratch + S_BITS, 0);
  store<i32>(scratch + S_COUNT, 0);
  store<u32>(scratch + S_IN, <u32>(src + 2));
  store<u32>(scratch + S_END, <u32>(src + srcLen));
  const stop = dst + cap;
  let op = dst;
  let last: u32 = 0;
  do {
    const type = take(scratch, 3);
    last = type & 1;
    if (type >> 1 == 0) op = stored(scratch, op, stop);
    else if (type >> 1 == 1) op = codes(scratch, scratch + FIXED_LITERALS, scratch + FIXED_DISTANCES, dst, op, stop);
    else if (type >> 1 == 2 && readTables(scratch)) {
      op = codes(scratch, scratch + LITERALS, scratch + DISTANCES, dst, op, stop);
    } else return -1;
    if (op == FAILED) return -1;
  } while (last == 0);
  const at = alignToByte(scratch);
  if (at == 0 || src + srcLen - at < 4) return -1;
  return bswap<u32>(load<u32>(at)) == adler32(dst, op - dst) ? <i32>(op - dst) : -1;
}

/** A stored block. Returns the new end of the output, or FAILED. */
function stored(scratch: usize, op: usize, stop: usize): usize {
  const at = alignToByte(scratch);
  const end = <usize>load<u32>(scratch + S_END);
  if (end - at < 4) return FAILED;
  const n = <usize>load<u16>(at);
  if ((n ^ 0xffff) != <usize>load<u16>(at + 2) || n > end - at - 4 || n > stop - op) return FAILED;
  copyExact(op, at + 4, n);
  store<u32>(scratch + S_IN, <u32>(at + 4 + n));
  return op + n;
}

/** Reads the code lengths of a block and makes its tables. */
function readTables(scratch: usize): bool {
  const counts = take(scratch, 14);
  if (counts == 0xffff_ffff) return false;
  const literals = (counts & 31) + 257;
  const distances = ((counts >> 5) & 31) + 1;
  if (literals > 286 || distances > 30) return false;
  const lengths = scratch + LENGTHS;
  v128.store(lengths, i64x2.splat(0));
  store<u32>(lengths, 0, 16);
  for (let i: u32 = 0; i < (counts >> 10) + 4; i++) {
    const n = take(scratch, 3);
    if (n > 7) return false;
    store<u8>(lengths + order(i), n);
  }
  if (!makeCodeLengths(scratch, lengths)) return false;

  const all = literals + distances;
  const end = <usize>load<u32>(scratch + S_END);
  let bits = load<u64>(scratch + S_BITS);
  let count = load<i32>(scratch + S_COUNT);
  let ip = <usize>load<u32>(scratch + S_IN);
  let before: u32 = 0;
  let i: u32 = 0;
  while (i < all) {
    if (count < 14) {
      if (end - ip >= 8) {
        bits |= load<u64>(ip) << <u64>count;
        ip += (63 - count) >> 3;
        count |= 56;
      } else {
        while (count <= 56 && ip < end) {
          bits |= <u64>load<u8>(ip++) << <u64>count;
          count += 8;
        }
      }
    }
    const entry = load<u32>(scratch + CODE_LENGTHS + (<usize>(bits & 127) << 2));
    if ((entry & OTHER) != 0) return false;
    bits >>= <u64>entry;
    count -= entry & 63;
    const symbol = entry >> 16;
    if (symbol < 16) {
      if (count < 0) return false;
      before = symbol;
      store<u8>(lengths + i++, symbol);
      continue;
    }
    if (symbol == 16 && i == 0) return false;
    const extra: u32 = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
    const repeat = (symbol == 18 ? <u32>11 : 3) + (<u32>bits & ((<u32>1 << extra) - 1));
    bits >>= <u64>extra;
    count -= extra;
    if (count < 0 || repeat > all - i) return false;
    if (symbol != 16) before = 0;
    const run = i8x16.splat(<i8>before);
    for (let k: u32 = 0; k < repeat; k += 16) v128.store(lengths + i + k, run);
    i += repeat;
  }
  store<u64>(scratch + S_BITS, bits);
  store<i32>(scratch + S_COUNT, count);
  store<u32>(scratch + S_IN, <u32>ip);
  // The end of the block must have a code.
  if (load<u8>(lengths + 256) == 0) return false;
  return (
    makeLiterals(scratch, lengths, literals, scratch + LITERALS) &&
    makeDistances(scratch, lengths + literals, distances, scratch + DISTANCES)
  );
}

/** The order of the code lengths' own code lengths: 16, 17, 18, 0, 8, 7, 9, 6, 10 ... 1, 15. */
@inline
function order(i: u32): usize {
  if (i < 3) return 16 + i;
  if (i == 3) return 0;
  return i & 1 ? 7 - ((i - 5) >> 1) : 8 + ((i - 4) >> 1);
}

/** Decodes the literals and matches of a block. Returns the new end of the output, or FAILED. */
function codes(scratch: usize, literals: usize, distances: usize, dst: usize, op: usize, stop: usize): usize {
  const end = <usize>load<u32>(scratch + S_END);
  let bits = load<u64>(scratch + S_BITS);
  let count = load<i32>(scratch + S_COUNT);
  let ip = <usize>load<u32>(scratch + S_IN);
  const literalMask: u64 = (1 << LITERAL_ROOT) - 1;
  const distanceMask: u64 = (1 << DISTANCE_ROOT) - 1;
  while (true) {
    // 56 bits or more, as long as there is input. The bits above `count` are the next ones of the stream, or zero.
    if (end - ip >= 8) {
      bits |= load<u64>(ip) << <u64>count;
      ip += (63 - count) >> 3;
      count |= 56;
    } else {
      while (count <= 56 && ip < end) {
        bits |= <u64>load<u8>(ip++) << <u64>count;
        count += 8;
      }
    }
    let entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
    if ((entry & LITERAL) != 0) {
      if (stop - op >= 3) {
        // Three literals take 30 bits at most.
        bits >>= <u64>entry;
        count -= entry & 63;
        store<u8>(op++, entry >> 16);
        entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
        if ((entry & LITERAL) != 0) {
          bits >>= <u64>entry;
          count -= entry & 63;
          store<u8>(op++, entry >> 16);
          entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
          if ((entry & LITERAL) != 0) {
            bits >>= <u64>entry;
            count -= entry & 63;
            store<u8>(op++, entry >> 16);
            if (count < 0) return FAILED;
            continue;
          }
        }
      } else {
        bits >>= <u64>entry;
        count -= entry & 63;
        if (op == stop || count < 0) return FAILED;
        store<u8>(op++, entry >> 16);
        continue;
      }
    }
    if ((entry & OTHER) != 0) {
      if ((entry & SUBTABLE) != 0) {
        bits >>= <u64>LITERAL_ROOT;
        count -= LITERAL_ROOT;
        const further = (entry >> 16) & 0x3fff;
        const mask: u64 = (1 << ((entry >> 8) & 15)) - 1;
        entry = load<u32>(literals + ((<usize>further + <usize>(bits & mask)) << 2));
        if ((entry & LITERAL) != 0) {
          bits >>= <u64>entry;
          count -= entry & 63;
          if (op == stop || count < 0) return FAILED;
          store<u8>(op++, entry >> 16);
          continue;
        }
      }
      if ((entry & OTHER) != 0) {
        if ((entry & END_OF_BLOCK) == 0) return FAILED;
        bits >>= <u64>entry;
        count -= entry & 63;
        if (count < 0) return FAILED;
        break;
      }
    }
    const length = (entry >> 16) + extraBits(bits, entry);
    bits >>= <u64>entry;
    count -= entry & 63;
    if (count < 0) return FAILED;
    if (end - ip >= 8) {
      bits |= load<u64>(ip) << <u64>count;
      ip += (63 - count) >> 3;
      count |= 56;
    } else {
      while (count <= 56 && ip < end) {
        bits |= <u64>load<u8>(ip++) << <u64>count;
        count += 8;
      }
    }
    entry = load<u32>(distances + (<usize>(bits & distanceMask) << 2));
    if ((entry & NO_DISTANCE) != 0) {
      if ((entry & SUBTABLE) == 0) return FAILED;
      bits >>= <u64>DISTANCE_ROOT;
      count -= DISTANCE_ROOT;
      const further = (entry >> 16) & 0x3fff;
      const mask: u64 = (1 << ((entry >> 8) & 15)) - 1;
      entry = load<u32>(distances + ((<usize>further + <usize>(bits & mask)) << 2));
      if ((entry & NO_DISTANCE) != 0) return FAILED;
    }
    const distance = <usize>((entry >> 16) + extraBits(bits, entry));
    bits >>= <u64>entry;
    count -= entry & 63;
    if (distance > op - dst || <usize>length > stop - op || count < 0) return FAILED;
    copyMatch(op, distance, length, stop);
    op += length;
  }
  store<u64>(scratch + S_BITS, bits);
  store<i32>(scratch + S_COUNT, count);
  store<u32>(scratch + S_IN, <u32>ip);
  return op;
}

/** The value of the extra bits behind an entry's code. */
@inline
function extraBits(bits: u64, entry: u32): u32 {
  const code = (entry >> 8) & 31;
  return <u32>(bits >> <u64>code) & ((1 << ((entry & 63) - code)) - 1);
}
