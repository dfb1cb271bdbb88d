// The search of the deflate kernel: which bytes of a page are sent as matches.
//
// Lazy, with one candidate per hash of 4 bytes and no matches of 3. Against zlib's level 1 that makes pages of tables and slabs 3 %
// smaller and pages of code 1 % larger.
//
// Cost per 4 KiB page of kernel memory: 3 µs for tables and slabs, 8 µs for text and code.
import { copyExact } from "../../reader/kernels/_copy.as";
import { count, DISTANCE_COUNTS, END_OF_BLOCK, LITERAL_BYTES, LITERAL_COUNTS, TABLE, TOKENS } from "./_deflate.as";
import { clear, equal16, matchEnd } from "./_match.as";

const MAX_DISTANCE: usize = 32768;
const MAX_MATCH: usize = 258;

// Entries of the table (u16 each) for pages up to 4 KiB and larger ones: clearing it is paid per page. They are constants of
// two copies of the search, because a shift by a variable number costs a register that the loop needs.
const BITS_SMALL: u32 = 12;
const BITS_LARGE: u32 = 13; // not above MAX_HASH_BITS
// Matches shorter than this give way to a longer one that begins a byte later. From 24 on arrays of structures, and with them
// whole dumps, become 2 % larger (measured).
const LAZY: usize = 16;
const HASH: u32 = 0x9e3779b1;

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
  symbol = select<u32>(28, symbol, length == 258);
  const d = distanceBits(distance);
  const far = (d << 1) + ((distance - 1) >>> d);
  count(scratch + LITERAL_COUNTS + ((257 + symbol) << 2));
  count(scratch + DISTANCE_COUNTS + (far << 2));
  store<u64>(
    token,
    (<u64>literals) | ((<u64>length) << 17) | ((<u64>(distance - 1)) << 26) | ((<u64>symbol) << 41) | ((<u64>far) << 46),
  );
}

/** Offset in the table. */
@inline
function slotOf(word: u32, shift: u32): usize {
  return <usize>((word * HASH) >>> shift) << 1;
}

/** Counts the bytes of [from, to). All at once, so that the loop does not end where no one can predict it. */
@inline
function countLiterals(counts: usize, from: usize, to: usize): void {
  for (; to - from >= 4; from += 4) {
    const word = load<u32>(from);
    count(counts + (<usize>(word & 255) << 2));
    count(counts + (<usize>((word >>> 8) & 255) << 2));
    count(counts + (<usize>((word >>> 16) & 255) << 2));
    count(counts + (<usize>(word >>> 24) << 2));
  }
  for (; from < to; from++) count(counts + (<usize>load<u8>(from) << 2));
}

/** findMatches for pages with a table of 2^bits entries. */
@inline
function search(src: usize, len: usize, scratch: usize, bits: u32, small: bool): void {
  let token = scratch + TOKENS;
  const end = src + len;
  let literals = src; // start of the bytes that no match has covered yet
  let to = scratch + LITERAL_BYTES; // where they go
  if (len >= 24) {
    const shift = 32 - bits;
    const table = scratch + TABLE;
    clear(table, 2 << bits);
    // No search starts in the last 16 bytes, so that every load of 16 bytes below stays inside the page.
    const last = end - 19;
    let ip = src + 1;

    while (ip <= last) {
      let word = load<u32>(ip);
      let slot = table + slotOf(word, shift);
      let from = src + <usize>load<u16>(slot);
      store<u16>(slot, ip - src);
      if (load<u32>(from) != word) {
        // The same again for the next three: four tries a turn of the loop.
        ip++;
        word = load<u32>(ip);
        slot = table + slotOf(word, shift);
        from = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(from) != word) {
          ip++;
          word = load<u32>(ip);
          slot = table + slotOf(word, shift);
          from = src + <usize>load<u16>(slot);
          store<u16>(slot, ip - src);
          if (load<u32>(from) != word) {
            ip++;
            word = load<u32>(ip);
            slot = table + slotOf(word, shift);
            from = src + <usize>load<u16>(slot);
            store<u16>(slot, ip - src);
            if (load<u32>(from) != word) {
              // The longer nothing is found, the larger the steps: a page that does not compress is over soon.
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

      // Bytes in front that are equal too belong to the match. Eight are enough, and looking at them all at once costs no
      // branch that could be mispredicted.
      let distance = ip - from;
      let start = ip;
      let found = ip; // where the match was seen: it may begin before
      if (from - src >= 8) start -= min(<usize>(clz(load<u64>(ip - 8) ^ load<u64>(from - 8)) >>> 3), ip - literals);
      const equal = equal16(ip, from);
      ip += equal;
      if (equal == 16) ip = matchEnd(ip, ip - distance, end);
      while (true) {
        // The match at the next byte, when it is longer. At most one byte behind `last` is looked at: there is room for that.
        while (ip - start < LAZY && found <= last) {
          found++;
          const word = load<u32>(found);
          const slot = table + slotOf(word, shift);
          const other = src + <usize>load<u16>(slot);
          store<u16>(slot, found - src);
          if (load<u32>(other) != word || (!small && found - other > MAX_DISTANCE)) break;
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
        let run = start - literals;
        v128.store(to, v128.load(literals));
        for (let i: usize = 16; i < run; i += 16) v128.store(to + i, v128.load(literals + i));
        to += run;
        let length = ip - start;
        for (; length > MAX_MATCH; token += 8) {
          // No piece is shorter than 4.
          const piece = min(MAX_MATCH, length - 4);
          putToken(scratch, token, run, <u32>piece, <u32>distance);
          run = 0;
          length -= piece;
        }
        putToken(scratch, token, run, <u32>length, <u32>distance);
        token += 8;
        literals = ip;
        if (ip > last) break;
        // Of a match two positions near its end are entered in the table: where it was found, its first bytes are.
        store<u16>(table + slotOf(load<u32>(ip - 2), shift), ip - 2 - src);
        store<u16>(table + slotOf(load<u32>(ip - 1), shift), ip - 1 - src);
        // Most often a match follows at once, without a literal between.
        const word = load<u32>(ip);
        const slot = table + slotOf(word, shift);
        const next = src + <usize>load<u16>(slot);
        store<u16>(slot, ip - src);
        if (load<u32>(next) == word && (small || ip - next <= MAX_DISTANCE)) {
          start = ip;
          found = ip;
          distance = ip - next;
          const equal = equal16(ip, next);
          ip += equal;
          if (equal == 16) ip = matchEnd(ip, ip - distance, end);
          continue;
        }
        // LZO and snappy try the same distance again here. With prefix codes that makes pages larger: a match that starts one
        // byte later costs more than it saves.
        ip++;
        break;
      }
    }
  }
  copyExact(to, literals, end - literals);
  const counts = scratch + LITERAL_COUNTS;
  countLiterals(counts, scratch + LITERAL_BYTES, to + (end - literals));
  count(counts + (END_OF_BLOCK << 2));
  // The literals behind the last match.
  store<u64>(token, end - literals);
}

function searchSmall(src: usize, len: usize, scratch: usize): void {
  search(src, len, scratch, BITS_SMALL, true);
}

function searchLarge(src: usize, len: usize, scratch: usize): void {
  search(src, len, scratch, BITS_LARGE, false);
}

/**
 * Finds the matches of src[0, len). Writes the tokens and the literals, adds up the counts of both alphabets, which must be
 * zero.
 */
export function findMatches(src: usize, len: usize, scratch: usize): void {
  if (len <= 4096) searchSmall(src, len, scratch);
  else searchLarge(src, len, scratch);
}
