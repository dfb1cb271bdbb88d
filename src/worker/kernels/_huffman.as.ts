// Canonical prefix codes of limited length (RFC 1951, section 3.2.2) from symbol counts.
//
// Cost: 1 to 1.5 µs for the 100 to 150 literals that a page of kernel memory has.
import { clear } from "./_match.as";

const MAX_SYMBOLS: usize = 288;
/** The most symbols of a code with everything its tables are padded to, and bytes of scratch that makeCode needs. */
export const HUFFMAN_SCRATCH: usize = 5120;

// Counts at and above this share the last bucket of the sort.
const BUCKETS: usize = 256;
// A prefix code for counts that add up to less than 2^23 is never deeper.
const MAX_DEPTH: usize = 48;

// The parts of the scratch.
const SORTED: usize = 0; // u32 per symbol: count << 9 | symbol, ascending, and one more that is larger than all
const NODES: usize = SORTED + 4 * (MAX_SYMBOLS + 16); // u32 per inner node: its weight
const PARENTS: usize = NODES + 4 * (MAX_SYMBOLS + 16); // u16 per inner node
const BUCKET: usize = PARENTS + 2 * (MAX_SYMBOLS + 32); // u32 per bucket
const PER_LENGTH: usize = BUCKET + 4 * BUCKETS; // u32 per code length: how many codes have it
const NEXT: usize = PER_LENGTH + 4 * MAX_DEPTH; // u32 per code length: the next code, in the upper of 16 bits

/** 16 bits, one for each of the u32 from `at` on that is not zero. */
@inline
function nonZero(at: usize): u32 {
  const zero = i64x2.splat(0);
  return i8x16.bitmask(
    i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(i32x4.ne(v128.load(at), zero), i32x4.ne(v128.load(at, 16), zero)),
      i16x8.narrow_i32x4_s(i32x4.ne(v128.load(at, 32), zero), i32x4.ne(v128.load(at, 48), zero)),
    ),
  );
}

/** Lists the used ones of `symbols` (a multiple of 16) symbols: u32 each, count << 9 | symbol. Returns the list's end. */
@inline
function listUsed(counts: usize, symbols: usize, list: usize): usize {
  for (let base: usize = 0; base < symbols; base += 16) {
    let mask = nonZero(counts + (base << 2));
    while (mask != 0) {
      const s = base + ctz(mask);
      mask &= mask - 1;
      store<u32>(list, (load<u32>(counts + (s << 2)) << 9) | <u32>s);
      list += 4;
    }
  }
  return list;
}

@inline
function bucketOf(scratch: usize, key: u32): usize {
  return scratch + BUCKET + (min<usize>(key >>> 9, BUCKETS - 1) << 2);
}

/** Sorts the list by count into SORTED. */
@inline
function sortByCount(list: usize, listEnd: usize, scratch: usize): void {
  clear(scratch + BUCKET, 4 * BUCKETS);
  for (let i = list; i < listEnd; i += 4) {
    const bucket = bucketOf(scratch, load<u32>(i));
    store<u32>(bucket, load<u32>(bucket) + 4);
  }
  // Buckets become addresses; the large counts are behind all others.
  const large = scratch + BUCKET + ((BUCKETS - 1) << 2);
  const last = scratch + SORTED + (listEnd - list) - load<u32>(large);
  let at = scratch + SORTED;
  for (let bucket = scratch + BUCKET + 4; at < last; bucket += 4) {
    const n = load<u32>(bucket);
    store<u32>(bucket, at);
    at += n;
  }
  store<u32>(large, last);
  for (let i = list; i < listEnd; i += 4) {
    const key = load<u32>(i);
    const bucket = bucketOf(scratch, key);
    let place: usize = load<u32>(bucket);
    store<u32>(bucket, place + 4);
    if (bucket == large) {
      // The last bucket is not sorted by itself; few symbols are ever in it.
      for (; place > last && load<u32>(place - 4) > key; place -= 4) store<u32>(place, load<u32>(place - 4));
    }
    store<u32>(place, key);
  }
}

/**
 * How many codes of each length an optimal code for the `used` (at least 2) sorted symbols has, into PER_LENGTH. Returns
 * the bits that all symbols take. Leaves and finished inner nodes are two queues that are each in order of weight already,
 * so the two lightest are always in front; which queue that is cannot be predicted, so no branch depends on it.
 */
@inline
function countLengths(used: usize, scratch: usize): u32 {
  const nodes = scratch + NODES;
  const parents = scratch + PARENTS;
  const inner = used - 1;
  let leaf = scratch + SORTED;
  store<u32>(leaf + (used << 2), -1);
  let node: usize = 0;
  let bits: u32 = 0;
  store<u32>(nodes, -1);
  for (let made: usize = 0; made < inner; made++) {
    let leafWeight = load<u32>(leaf) >>> 9;
    let nodeWeight = load<u32>(nodes + (node << 2));
    store<u16>(parents + (node << 1), made);
    let fromLeaf = leafWeight <= nodeWeight;
    const first = select(leafWeight, nodeWeight, fromLeaf);
    leaf += <usize>fromLeaf << 2;
    node += <usize>!fromLeaf;

    leafWeight = load<u32>(leaf) >>> 9;
    nodeWeight = load<u32>(nodes + (node << 2));
    store<u16>(parents + (node << 1), made);
    fromLeaf = leafWeight <= nodeWeight;
    const weight = first + select(leafWeight, nodeWeight, fromLeaf);
    leaf += <usize>fromLeaf << 2;
    node += <usize>!fromLeaf;

    bits += weight;
    store<u64>(nodes + (made << 2), (<u64>-1 << 32) | weight);
  }
  // From the root down. The inner nodes of one depth lie side by side, because parents are in the order of their children,
  // and each takes one place of its level and gives two to the next.
  const perLength = scratch + PER_LENGTH;
  clear(perLength, 4 * MAX_DEPTH);
  let above = inner - 1; // the first node of the level above
  let level: usize = 1; // nodes of that level
  let depth: usize = 1;
  while (true) {
    let i = above;
    while (i > 0 && <usize>load<u16>(parents + ((i - 1) << 1)) >= above) i--;
    const n = above - i;
    store<u32>(perLength + (depth << 2), <u32>(2 * level - n));
    if (n == 0) break;
    above = i;
    level = n;
    depth++;
  }
  return bits;
}

/** Makes every length at most `limit`, at little cost: the few rare symbols that were too deep push others down. */
@inline
function limitLengths(limit: usize, scratch: usize): bool {
  const perLength = scratch + PER_LENGTH;
  let over: u32 = 0;
  for (let d = limit + 1; d < MAX_DEPTH; d++) over += load<u32>(perLength + (d << 2));
  if (over == 0) return false;
  store<u32>(perLength + (limit << 2), load<u32>(perLength + (limit << 2)) + over);
  // What all codes take of the 2^limit there are.
  let taken: u32 = 0;
  for (let d: usize = 1; d <= limit; d++) taken += load<u32>(perLength + (d << 2)) << <u32>(limit - d);
  while (taken > <u32>1 << <u32>limit) {
    // One code of full length and one of a shorter become two that are one bit longer than that.
    let d = limit - 1;
    while (load<u32>(perLength + (d << 2)) == 0) d--;
    store<u32>(perLength + (limit << 2), load<u32>(perLength + (limit << 2)) - 1);
    store<u32>(perLength + (d << 2), load<u32>(perLength + (d << 2)) - 1);
    store<u32>(perLength + ((d + 1) << 2), load<u32>(perLength + ((d + 1) << 2)) + 2);
    taken--;
  }
  return true;
}

/** 16 bits in reverse order: deflate sends a code from its top bit on, and all else from the bottom. */
@inline
export function reverse(code: u32): u32 {
  code = ((code & 0x5555) << 1) | ((code >>> 1) & 0x5555);
  code = ((code & 0x3333) << 2) | ((code >>> 2) & 0x3333);
  code = ((code & 0x0f0f) << 4) | ((code >>> 4) & 0x0f0f);
  return ((code & 0x00ff) << 8) | (code >>> 8);
}

/**
 * Makes a code for `symbols` (a multiple of 16, at most 288) symbols with the given counts (u32 each, their sum below
 * 2^23), no longer than `limit` bits. Writes to `codes`, which must be zero, `length << 16 | code` for each used symbol,
 * ready to be sent from the bottom, to `lengths`, which must be zero, its length (u8), and to `list` (u32 each) count << 9 |
 * symbol of the used ones. Returns bits << 9 | the last symbol that has a code. A code always has two symbols at least,
 * used or not: some decoders want it complete.
 */
export function makeCode(
  counts: usize,
  symbols: usize,
  limit: usize,
  codes: usize,
  lengths: usize,
  list: usize,
  scratch: usize,
): u32 {
  let listEnd = listUsed(counts, symbols, list);
  if (listEnd - list < 8) {
    // One that is not used in front of the only one or, when that is symbol 0, behind it.
    const only: u32 = listEnd == list ? 0 : load<u32>(list);
    store<u32>(list, (only & 511) == 0 ? only : 0);
    store<u32>(list + 4, (only & 511) == 0 ? 1 : only);
    listEnd = list + 8;
  }
  const used = (listEnd - list) >>> 2;
  if (used == 2) {
    const a = load<u32>(list);
    const b = load<u32>(list + 4);
    store<u8>(lengths + <usize>(a & 511), 1);
    store<u8>(lengths + <usize>(b & 511), 1);
    store<u32>(codes + (<usize>(a & 511) << 2), 1 << 16);
    store<u32>(codes + (<usize>(b & 511) << 2), (1 << 16) | 1);
    return (((a >>> 9) + (b >>> 9)) << 9) | (b & 511);
  }
  sortByCount(list, listEnd, scratch);
  let bits = countLengths(used, scratch);
  const limited = limitLengths(limit, scratch);
  if (limited) bits = 0;
  // The most frequent symbols get the shortest codes.
  let place = scratch + SORTED + (used << 2);
  let code: u32 = 0;
  for (let d: usize = 1; d <= limit; d++) {
    const n = load<u32>(scratch + PER_LENGTH + (d << 2));
    store<u32>(scratch + NEXT + (d << 2), code);
    code += n << (16 - <u32>d);
    for (const stop = place - (<usize>n << 2); place > stop; ) {
      place -= 4;
      const key = load<u32>(place);
      store<u8>(lengths + <usize>(key & 511), d);
      if (limited) bits += (key >>> 9) * <u32>d;
    }
  }
  for (let i = list; i < listEnd; i += 4) {
    const symbol = <usize>(load<u32>(i) & 511);
    const length = <u32>load<u8>(lengths + symbol);
    const next = scratch + NEXT + (<usize>length << 2);
    const mine = load<u32>(next);
    store<u32>(next, mine + (1 << (16 - length)));
    store<u32>(codes + (symbol << 2), (length << 16) | reverse(mine));
  }
  return (bits << 9) | (load<u32>(listEnd - 4) & 511);
}
