// The search of the deflate kernel: which bytes of a page are sent as matches.
//
// Two hash tables. One holds, per hash of 4 bytes, the last two positions; the other, per hash of 3 bytes, the last one, for
// the short matches that pay when they are near. A match is put off by one byte when the next position has a longer one.
//
// Cost per 4 KiB page of kernel memory: about 15 µs.
import { count, DISTANCE_COUNTS, END_OF_BLOCK, LITERAL_COUNTS, TABLE, TABLE3, TOKENS } from "./_deflate.as";
import { clear, matchEnd } from "./_match.as";

const MAX_DISTANCE: usize = 32768;
const MAX_MATCH: usize = 258;
// A match of 3 bytes saves nothing when its distance takes many bits.
const MAX_DISTANCE_OF_3: usize = 512;
// A match of this length or more is taken without a look at the next position.
const GOOD: usize = 16;
// Of a match only its last positions are entered into the tables: long ones are runs, all of whose positions are alike.
const ENTERED: usize = 16;

// Entries of the table for 4 bytes by page size (clearing it is paid per page), and of the one for 3 bytes.
const BITS_4K: u32 = 11;
const BITS_16K: u32 = 12;
const BITS_64K: u32 = 13; // not above MAX_HASH_BITS
const BITS3: u32 = 10;
const HASH: u32 = 0x9e3779b1;

@inline
function countLiterals(counts: usize, from: usize, to: usize): void {
  for (; from < to; from++) count(counts + (<usize>load<u8>(from) << 2));
}

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
  if (length == 258) symbol = 28;
  const d = distanceBits(distance);
  const far = (d << 1) + ((distance - 1) >>> d);
  count(scratch + LITERAL_COUNTS + ((257 + symbol) << 2));
  count(scratch + DISTANCE_COUNTS + (far << 2));
  store<u64>(
    token,
    (<u64>literals) | ((<u64>length) << 17) | ((<u64>(distance - 1)) << 26) | ((<u64>symbol) << 41) | ((<u64>far) << 46),
  );
}

/** Offset in the table for 4 bytes. */
@inline
function hash4(word: u64, shift: u32): usize {
  return <usize>(((<u32>word) * HASH) >>> shift) << 2;
}

/** Offset in the table for 3 bytes. */
@inline
function hash3(word: u64): usize {
  return <usize>(((<u32>word << 8) * HASH) >>> (32 - BITS3)) << 1;
}

/** The longer of the matches at `ip` with the two positions of a table entry: length << 16 | distance. */
@inline
function longest(src: usize, ip: usize, end: usize, word: u64, entry: u32): u32 {
  const most = min(end, ip + MAX_MATCH);
  let from = src + <usize>(entry & 0xffff);
  let length: usize = 0;
  let difference = word ^ load<u64>(from);
  if (difference == 0) length = matchEnd(ip + 8, from + 8, most) - ip;
  else length = <usize>(ctz(difference) >>> 3);
  if (ip - from > MAX_DISTANCE) length = 0;
  const older = src + <usize>(entry >>> 16);
  difference = word ^ load<u64>(older);
  let n: usize;
  if (difference == 0) n = matchEnd(ip + 8, older + 8, most) - ip;
  else n = <usize>(ctz(difference) >>> 3);
  if (n > length && ip - older <= MAX_DISTANCE) {
    length = n;
    from = older;
  }
  return (<u32>length << 16) | <u32>(ip - from);
}

/**
 * Finds the matches of src[0, len). Writes the tokens, adds up the counts of both alphabets, which must be zero, and
 * returns where the tokens end.
 */
export function findMatches(src: usize, len: usize, scratch: usize): usize {
  let token = scratch + TOKENS;
  const end = src + len;
  const counts = scratch + LITERAL_COUNTS;
  let literals = src; // start of the bytes that no match has covered yet
  if (len >= 16) {
    const bits: u32 = len <= 4096 ? BITS_4K : len <= 16384 ? BITS_16K : BITS_64K;
    const shift = 32 - bits;
    const table = scratch + TABLE;
    const table3 = scratch + TABLE3;
    clear(table, 4 << bits);
    clear(table3, 2 << BITS3);
    // No search starts in the last 12 bytes, so that every load of 8 bytes below stays inside the page.
    const last = end - 12;
    let ip = src + 1;

    while (ip <= last) {
      const word = load<u64>(ip);
      const slot = table + hash4(word, shift);
      const entry = load<u32>(slot);
      store<u32>(slot, (entry << 16) | <u32>(ip - src));
      const slot3 = table3 + hash3(word);
      const from3 = src + <usize>load<u16>(slot3);
      store<u16>(slot3, ip - src);

      const found = longest(src, ip, end, word, entry);
      let length: usize = found >>> 16;
      let distance: usize = found & 0xffff;
      if (length < 4) {
        if ((load<u32>(from3) ^ <u32>word) << 8 == 0) {
          length = 3;
          distance = ip - from3;
        }
        if (length < 3 || distance > MAX_DISTANCE_OF_3) {
          // The longer nothing is found, the larger the steps: a page that does not compress is over soon.
          ip += 1 + ((ip - literals) >>> 6);
          continue;
        }
      }
      if (length < GOOD && ip < last) {
        const next = load<u64>(ip + 1);
        const nextSlot = table + hash4(next, shift);
        const nextEntry = load<u32>(nextSlot);
        const nextFound = longest(src, ip + 1, end, next, nextEntry);
        if (<usize>(nextFound >>> 16) > length) {
          ip++;
          store<u32>(nextSlot, (nextEntry << 16) | <u32>(ip - src));
          length = nextFound >>> 16;
          distance = nextFound & 0xffff;
        }
      }

      countLiterals(counts, literals, ip);
      putToken(scratch, token, ip - literals, <u32>length, <u32>distance);
      token += 8;
      const stop = min(ip + length, last);
      let p = ip + 1;
      ip += length;
      literals = ip;
      if (p < stop && stop - p > ENTERED) p = stop - ENTERED;
      for (; p < stop; p++) {
        const inside = load<u64>(p);
        const at = table + hash4(inside, shift);
        store<u32>(at, (load<u32>(at) << 16) | <u32>(p - src));
        store<u16>(table3 + hash3(inside), p - src);
      }
    }
  }
  countLiterals(counts, literals, end);
  count(counts + (END_OF_BLOCK << 2));
  return token;
}
