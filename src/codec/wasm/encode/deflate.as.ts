// zlib streams (RFC 1950 and 1951): one block, of the type that is smallest, about as large as with zlib's level 1 or
// smaller.
//
// Cost per 4 KiB page of kernel memory: 1.5 µs if it is nearly empty, 6 to 10 µs for tables and slabs, 12 to 20 µs for
// text and code; half of it for the search.
import { adler32 } from "../decode/_adler.as";
import { copyExact } from "../decode/_copy.as";
import {
  finishCodes,
  describeCodes,
  distanceCode,
  extraBits,
  fixedBits,
  fixedCodes,
  headerBits,
  lengthCode,
  literalCode,
  sentLengths,
} from "./_deflate-codes.as";
import { findMatches } from "./_deflate-search.as";
import { sendFixedHeader, sendHeader, sendEntries } from "./_deflate-send.as";
import {
  DISTANCE_LENGTHS,
  DISTANCE_LIST,
  LENGTH_LENGTHS,
  LENGTH_LIST,
  LITERAL_CODES,
  COUNTS,
  LITERAL_LENGTHS,
  LITERAL_LIST,
  MAX_LEN,
  OUTPUT,
  SCRATCH,
} from "./_deflate.as";
import { clear } from "./_match.as";
import { bitsOf, lastSymbol } from "./_prefix-code.as";

/**
 * A block with at most this many bits gets the fixed codes: others would hardly make it smaller (pages that compress to
 * less than 100 bytes become 4 % larger by that, whole dumps 0.1 %), and making them takes a third of the time for such
 * a page.
 */
const FIXED: u32 = 500;

/** Bytes of scratch that compress needs. */
export function scratchSize(): i32 {
  return <i32>SCRATCH;
}

/** Sends the bytes uncompressed, in stored blocks of at most 65535 bytes. Returns their end. */
function sendStored(src: usize, len: usize, op: usize): usize {
  while (true) {
    const n = min<usize>(len, 65535);
    store<u8>(op, n == len ? 1 : 0);
    store<u16>(op + 1, n);
    store<u16>(op + 3, ~n);
    copyExact(op + 5, src, n);
    op += 5 + n;
    src += n;
    len -= n;
    if (len == 0) return op;
  }
}

/**
 * Compresses src[0, len), 1 to 65536 bytes, into one zlib stream. Returns its length, or 0 if it would be longer than
 * cap or if len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
  clear(scratch + COUNTS, LITERAL_CODES - COUNTS);
  const end = findMatches(src, len, scratch);
  const extra = extraBits(scratch);
  const fixed: u32 = 3 + fixedBits(scratch) + extra;
  let dynamic: u32 = fixed;
  let literalEnd: usize = 0;
  let distanceEnd: usize = 0;
  let headerEnd: usize = 0;
  let lengths: usize = 0;
  if (fixed > FIXED) {
    literalEnd = literalCode(scratch, len);
    distanceEnd = distanceCode(scratch);
    headerEnd = describeCodes(scratch, literalEnd, distanceEnd);
    const lengthEnd = lengthCode(scratch);
    lengths = sentLengths(scratch);
    dynamic =
      headerBits(scratch, lengths) +
      bitsOf(scratch + LENGTH_LIST, lengthEnd, scratch + LENGTH_LENGTHS) +
      bitsOf(scratch + LITERAL_LIST, literalEnd, scratch + LITERAL_LENGTHS) +
      bitsOf(scratch + DISTANCE_LIST, distanceEnd, scratch + DISTANCE_LENGTHS) +
      extra;
  }
  // The size is known before anything is sent, so an incompressible page costs only the search and the codes.
  const coded: usize = (min(dynamic, fixed) + 7) >>> 3;
  const stored: usize = len + (len > 65535 ? 10 : 5);
  if (min(coded, stored) + 6 > cap) return 0;

  // 32 KiB window, deflate, fastest algorithm.
  store<u16>(dst, 0x0178);
  let op = dst + 2;
  if (stored <= coded) {
    op = sendStored(src, len, op);
  } else {
    // If bytes behind the block must not be written, the block is made in the scratch.
    const tight = cap < coded + 10;
    const start = tight ? scratch + OUTPUT : op;
    let sent: u64;
    if (fixed <= dynamic) {
      fixedCodes(scratch);
      sent = sendFixedHeader(start);
    } else {
      sent = sendHeader(start, scratch, headerEnd, lastSymbol(literalEnd) + 1, lastSymbol(distanceEnd) + 1, lengths);
    }
    finishCodes(scratch);
    sendEntries(sent, scratch, end);
    if (tight) copyExact(op, start, coded);
    op += coded;
  }
  store<u32>(op, bswap(adler32(src, len)));
  return <i32>(op + 4 - dst);
}
