// zlib streams (RFC 1950 and 1951): one block, of the type that comes out smallest, at the size of zlib's level 1 or below.
//
// Cost per 4 KiB page of kernel memory: 9 µs for tables and slabs, 16 to 21 µs for text and code; of all, half is the search.
import { adler32 } from "../../reader/kernels/_adler.as";
import { copyExact } from "../../reader/kernels/_copy.as";
import {
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
import { sendBlock } from "./_deflate-send.as";
import { LITERAL_COUNTS, MAX_LEN, SCRATCH, ZEROED_END } from "./_deflate.as";
import { clear } from "./_match.as";

/** Bytes of scratch that compress needs. */
export function scratchSize(): i32 {
  return <i32>SCRATCH;
}

/** Sends the bytes as they are, in stored blocks of at most 65535; returns where they end. */
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
 * Compresses src[0, len), len from 1 to 65536 bytes, into one zlib stream. Returns its length, or 0 when it would be longer
 * than cap or when len is above 65536. Reads only src[0, len), writes only dst[0, cap) and scratch[0, scratchSize()).
 */
export function compress(src: usize, len: usize, dst: usize, cap: usize, scratch: usize): i32 {
  if (len > MAX_LEN) return 0;
  clear(scratch + LITERAL_COUNTS, ZEROED_END - LITERAL_COUNTS);
  findMatches(src, len, scratch);
  const ofLiterals = literalCode(scratch);
  const ofDistances = distanceCode(scratch);
  const literals = (ofLiterals & 511) + 1;
  const distances = (ofDistances & 511) + 1;
  let headerEnd = describeCodes(scratch, literals, distances);
  const ofLengths = lengthCode(scratch);
  const lengths = sentLengths(scratch);

  // The size is known before anything is sent, so an incompressible page costs no more than the search and the codes.
  const extra = extraBits(scratch);
  const dynamic: u32 = headerBits(scratch, lengths) + ofLengths + (ofLiterals >>> 9) + (ofDistances >>> 9) + extra;
  const fixed: u32 = 3 + fixedBits(scratch) + extra;
  const coded: usize = (min(dynamic, fixed) + 7) >>> 3;
  const stored: usize = len + (len > 65535 ? 10 : 5);
  if (min(coded, stored) + 6 > cap) return 0;

  // 32 KiB window, deflate, fastest algorithm.
  store<u16>(dst, 0x0178);
  let op = dst + 2;
  if (stored <= coded) {
    op = sendStored(src, len, op);
  } else {
    if (fixed <= dynamic) {
      headerEnd = 0;
      fixedCodes(scratch);
    }
    op = sendBlock(op, dst + cap, scratch, headerEnd, literals, distances, lengths);
  }
  store<u32>(op, bswap(adler32(src, len)));
  return <i32>(op + 4 - dst);
}
