// Decoding tables of deflate's prefix codes (RFC 1951, sections 3.2.2 and 3.2.5).
//
// A table has 2^root entries of u32, indexed by the next `root` bits of the stream. The entries of longer codes refer
// to subtables behind it. Cost: 0.5 to 1 µs for the codes of a page of kernel memory.

/** Index bits of the first table of each code: most codes of a page are not longer. */
export const LITERAL_ROOT: u32 = 10;
export const DISTANCE_ROOT: u32 = 8;

// An entry. Bits 0 to 5: number of bits of the stream, including extra bits. Bits 8 to 12: how many of them are the
// code. Bits 16 to 30: the literal, or the smallest length or distance.
export const LITERAL: u32 = 1 << 31;
/** In the table of literals and lengths: neither a literal nor a length. */
export const OTHER: u32 = 1 << 30;
/** With OTHER: the end of the block. OTHER with SUBTABLE: a subtable. OTHER alone: an unused code. */
export const END_OF_BLOCK: u32 = 1 << 15;
export const SUBTABLE: u32 = 1 << 14;
/** In the table of distances: not a distance. */
export const NO_DISTANCE: u32 = 1 << 31;

const MAX_BITS: u32 = 15;
/** Entries of a table with all its subtables. More than any code needs: 1334 with a root of 10 bits. */
const TABLE: usize = 2048;

// The parts of the scratch. Up to 320 code lengths can be read, and a repetition may exceed that by 138.
export const LENGTHS: usize = 0;
const SORTED: usize = 512; // u16 per symbol, in the order of their codes
const COUNTS: usize = SORTED + 2 * 320; // u16 per code length
const STARTS: usize = COUNTS + 32; // u16 per code length: where its symbols begin
export const READY: usize = STARTS + 32; // u32: not 0 after the following tables were made
const LITERAL_SYMBOLS: usize = 2048; // u32 per symbol: its entry without the length of its code
const DISTANCE_SYMBOLS: usize = LITERAL_SYMBOLS + 4 * 288;
const LENGTH_SYMBOLS: usize = DISTANCE_SYMBOLS + 4 * 32;
export const FIXED_LITERALS: usize = 4096;
export const FIXED_DISTANCES: usize = FIXED_LITERALS + 4 * TABLE;
export const LITERALS: usize = FIXED_DISTANCES + 4 * TABLE;
export const DISTANCES: usize = LITERALS + 4 * TABLE;
export const CODE_LENGTHS: usize = DISTANCES + 4 * TABLE;
/** Bytes of scratch. */
export const SCRATCH: usize = CODE_LENGTHS + 4 * 128;

/** Makes the tables that are the same for all streams, at the first call. The scratch must be zeroed before. */
export function prepare(scratch: usize): void {
  if (load<u32>(scratch + READY) != 0) return;
  const literals = scratch + LITERAL_SYMBOLS;
  for (let s: u32 = 0; s < 256; s++) store<u32>(literals + (s << 2), LITERAL | (s << 16));
  store<u32>(literals + (256 << 2), OTHER | END_OF_BLOCK);
  for (let i: u32 = 0; i < 29; i++) {
    const extra = i < 8 || i == 28 ? 0 : (i >> 2) - 1;
    const least = i < 8 ? 3 + i : i == 28 ? 258 : 3 + ((4 + (i & 3)) << extra);
    store<u32>(literals + ((257 + i) << 2), (least << 16) | extra);
  }
  store<u32>(literals + (286 << 2), OTHER);
  store<u32>(literals + (287 << 2), OTHER);
  for (let s: u32 = 0; s < 32; s++) {
    const extra = s < 4 ? 0 : (s >> 1) - 1;
    const least = s < 4 ? s + 1 : 1 + ((2 + (s & 1)) << extra);
    store<u32>(scratch + DISTANCE_SYMBOLS + (s << 2), s < 30 ? (least << 16) | extra : NO_DISTANCE);
  }
  for (let s: u32 = 0; s < 19; s++) store<u32>(scratch + LENGTH_SYMBOLS + (s << 2), s << 16);
  const lengths = scratch + LENGTHS;
  memory.fill(lengths, 8, 144);
  memory.fill(lengths + 144, 9, 112);
  memory.fill(lengths + 256, 7, 24);
  memory.fill(lengths + 280, 8, 8);
  makeLiterals(scratch, lengths, 288, scratch + FIXED_LITERALS);
  memory.fill(lengths, 5, 32);
  makeDistances(scratch, lengths, 32, scratch + FIXED_DISTANCES);
  store<u32>(scratch + READY, 1);
}

/** Makes the table of literals and lengths; false if the code lengths are invalid. */
export function makeLiterals(scratch: usize, lengths: usize, symbols: u32, table: usize): bool {
  return makeTable(scratch, lengths, symbols, scratch + LITERAL_SYMBOLS, table, LITERAL_ROOT, OTHER, OTHER | SUBTABLE);
}

/** Makes the table of distances. There may be one distance or none. */
export function makeDistances(scratch: usize, lengths: usize, symbols: u32, table: usize): bool {
  const more = NO_DISTANCE | SUBTABLE;
  return makeTable(scratch, lengths, symbols, scratch + DISTANCE_SYMBOLS, table, DISTANCE_ROOT, NO_DISTANCE, more);
}

/** Makes the table of the code in which the code lengths are written: 7 bits. */
export function makeCodeLengths(scratch: usize, lengths: usize): bool {
  const table = scratch + CODE_LENGTHS;
  // An incomplete code, which is allowed elsewhere, leaves the second entry unused.
  return (
    makeTable(scratch, lengths, 19, scratch + LENGTH_SYMBOLS, table, 7, OTHER, 0) &&
    (load<u32>(table, 4) & OTHER) == 0
  );
}

/**
 * Fills a table from the code lengths of `symbols` symbols (one byte each, at most 15). `entries` are the symbols'
 * entries, `none` is the entry of unused codes, `more` marks subtables. Returns false if the lengths need too many
 * codes, or too few: like zlib, it allows one code of one bit, and no code at all.
 */
function makeTable(
  scratch: usize,
  lengths: usize,
  symbols: u32,
  entries: usize,
  table: usize,
  root: u32,
  none: u32,
  more: u32,
): bool {
  const counts = scratch + COUNTS;
  const starts = scratch + STARTS;
  const sorted = scratch + SORTED;
  v128.store(counts, i64x2.splat(0));
  v128.store(counts, i64x2.splat(0), 16);
  for (let s: u32 = 0; s < symbols; s++) {
    const at = counts + ((<usize>load<u8>(lengths + s)) << 1);
    store<u16>(at, load<u16>(at) + 1);
  }
  // The unused codes of 15 bits after each length has taken its share.
  let left: i32 = 1 << MAX_BITS;
  let most: u32 = 0;
  let start: u32 = 0;
  for (let n: u32 = 1; n <= MAX_BITS; n++) {
    const count = <u32>load<u16>(counts + (n << 1));
    store<u16>(starts + (n << 1), start);
    start += count;
    left -= <i32>(count << (MAX_BITS - n));
    if (count > 0) most = n;
  }
  if (left < 0 || (left > 0 && most > 1)) return false;
  const size: u32 = 1 << root;
  if (left > 0) {
    for (let i: u32 = 0; i < size; i++) store<u32>(table + (i << 2), none);
  }
  if (most == 0) return true;
  for (let s: u32 = 0; s < symbols; s++) {
    const n = <usize>load<u8>(lengths + s);
    if (n == 0) continue;
    const at = starts + (n << 1);
    const place = load<u16>(at);
    store<u16>(sorted + ((<usize>place) << 1), s);
    store<u16>(at, place + 1);
  }
  if (left > 0) {
    // One code of one bit: 0. Every second entry.
    const entry = load<u32>(entries + ((<usize>load<u16>(sorted)) << 2)) + 0x101;
    for (let i: u32 = 0; i < size; i += 2) store<u32>(table + (i << 2), entry);
    return true;
  }

  // Codes are numbered from their first bit as the highest, but the stream has that bit lowest, so `code` has its bits
  // reversed. An entry of n bits is in the first 2^n places, which are copied when n grows.
  let next = sorted;
  let code: u32 = 0;
  let n: u32 = 1;
  for (; n <= root; n++) {
    const last: u32 = (1 << n) - 1;
    for (let count = <u32>load<u16>(counts + (n << 1)); count > 0; count--) {
      store<u32>(table + (code << 2), load<u32>(entries + ((<usize>load<u16>(next)) << 2)) + n * 0x101);
      next += 2;
      if (code == last) {
        // The last code: it consists of ones.
        for (; n < root; n++) double(table, 1 << n);
        return true;
      }
      code = following(code, last);
    }
    if (n < root) double(table, 1 << n);
  }

  // Longer codes, grouped by their first `root` bits.
  let end = size;
  let first: u32 = 0xffff_ffff;
  let sub: u32 = 0;
  let width: u32 = 0;
  for (; n <= MAX_BITS; n++) {
    const last: u32 = (1 << n) - 1;
    for (let count = <u32>load<u16>(counts + (n << 1)); count > 0; count--) {
      const prefix = code & (size - 1);
      if (prefix != first) {
        first = prefix;
        sub = end;
        // The subtable is as wide as all codes with these first bits need.
        width = n - root;
        let room = <i32>(1 << width) - <i32>count;
        while (room > 0 && root + width < most) {
          width++;
          room = (room << 1) - <i32>load<u16>(counts + ((root + width) << 1));
        }
        end = sub + (1 << width);
        if (end > <u32>TABLE) return false;
        store<u32>(table + (prefix << 2), more | (sub << 16) | (width << 8) | root);
      }
      const entry = load<u32>(entries + ((<usize>load<u16>(next)) << 2)) + (n - root) * 0x101;
      next += 2;
      const step: u32 = 1 << (n - root);
      for (let i = code >> root; i < 1 << width; i += step) store<u32>(table + ((sub + i) << 2), entry);
      if (code == last) return true;
      code = following(code, last);
    }
  }
  return false;
}

/** The next code with reversed bits: adds 1 at the highest bit. `code` is not all ones. */
@inline
function following(code: u32, ones: u32): u32 {
  const bit: u32 = 1 << (31 - clz(code ^ ones));
  return (code & (bit - 1)) | bit;
}

/** Copies the first `count` entries to the places behind them. */
@inline
function double(table: usize, count: u32): void {
  const bytes = <usize>count << 2;
  if (bytes < 16) {
    for (let i: usize = 0; i < bytes; i += 4) store<u32>(table + bytes + i, load<u32>(table + i));
    return;
  }
  for (let i: usize = 0; i < bytes; i += 16) v128.store(table + bytes + i, v128.load(table + i));
}
