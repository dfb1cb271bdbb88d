// Canonical prefix codes of limited length (RFC 1951, section 3.2.2) from symbol counts.
//
// Cost: about 2 µs for the 100 to 200 literals that a page of kernel memory has.

/** Bytes of scratch that makeCodes needs, for at most MAX_SYMBOLS symbols. */
export const HUFFMAN_SCRATCH: usize = 6144;
const MAX_SYMBOLS: usize = 288;

// Counts at and above this share the last bucket of the sort.
const BUCKETS: usize = 256;

// The parts of the scratch.
const SORTED: usize = 0; // u32 per symbol: count << 9 | symbol, ascending
const NODES: usize = SORTED + 4 * MAX_SYMBOLS; // u32 per inner node: its weight, then its parent, then its depth
const PARENTS: usize = NODES + 4 * MAX_SYMBOLS; // u32 per inner node
const BUCKET: usize = PARENTS + 4 * MAX_SYMBOLS; // u32 per bucket
const PER_LENGTH: usize = BUCKET + 4 * BUCKETS; // u32 per code length, 0 to 63: how many codes have it
const NEXT: usize = PER_LENGTH + 4 * 64; // u32 per code length: the next code

/** Sorts the used symbols by count into SORTED and returns how many they are. A count is below 2^23. */
function sortSymbols(counts: usize, symbols: usize, scratch: usize): usize {
  memory.fill(scratch + BUCKET, 0, 4 * BUCKETS);
  for (let s: usize = 0; s < symbols; s++) {
    const bucket = scratch + BUCKET + (min<usize>(load<u32>(counts + (s << 2)), BUCKETS - 1) << 2);
    store<u32>(bucket, load<u32>(bucket) + 1);
  }
  // Unused symbols are in bucket 0 and get no place.
  let at: u32 = 0;
  let last: u32 = 0; // where the last bucket begins
  for (let b: usize = 1; b < BUCKETS; b++) {
    const bucket = scratch + BUCKET + (b << 2);
    const n = load<u32>(bucket);
    store<u32>(bucket, at);
    last = at;
    at += n;
  }
  for (let s: usize = 0; s < symbols; s++) {
    const count = load<u32>(counts + (s << 2));
    if (count == 0) continue;
    const bucket = scratch + BUCKET + (min<usize>(count, BUCKETS - 1) << 2);
    let place = load<u32>(bucket);
    store<u32>(bucket, place + 1);
    const key = (count << 9) | <u32>s;
    if (count >= <u32>BUCKETS - 1) {
      // The last bucket is not sorted by itself; few symbols are ever in it.
      while (place > last && load<u32>(scratch + SORTED + ((place - 1) << 2)) > key) {
        store<u32>(scratch + SORTED + (place << 2), load<u32>(scratch + SORTED + ((place - 1) << 2)));
        place--;
      }
    }
    store<u32>(scratch + SORTED + (place << 2), key);
  }
  return at;
}

/**
 * How many codes of each length an optimal code for the sorted symbols has, into PER_LENGTH (64 entries). Leaves and
 * finished inner nodes are two queues that are each in order of weight already, so the two lightest are always in front.
 */
function countLengths(used: usize, scratch: usize): void {
  memory.fill(scratch + PER_LENGTH, 0, 4 * 64);
  const sorted = scratch + SORTED;
  const nodes = scratch + NODES;
  const parents = scratch + PARENTS;
  let leaf: usize = 0;
  let node: usize = 0;
  const inner = used - 1;
  for (let made: usize = 0; made < inner; made++) {
    let weight: u32 = 0;
    for (let child = 0; child < 2; child++) {
      if (leaf < used && (node >= made || load<u32>(sorted + (leaf << 2)) >>> 9 <= load<u32>(nodes + (node << 2)))) {
        weight += load<u32>(sorted + (leaf << 2)) >>> 9;
        leaf++;
      } else {
        weight += load<u32>(nodes + (node << 2));
        store<u32>(parents + (node << 2), made);
        node++;
      }
    }
    store<u32>(nodes + (made << 2), weight);
  }
  // From the root down: an inner node of depth d takes one place of its level and gives two to the next.
  const perLength = scratch + PER_LENGTH;
  store<u32>(nodes + ((inner - 1) << 2), 0);
  store<u32>(perLength + 4, 2);
  for (let i = <i32>inner - 2; i >= 0; i--) {
    const depth = load<u32>(nodes + (load<u32>(parents + (<usize>i << 2)) << 2)) + 1;
    store<u32>(nodes + (<usize>i << 2), depth);
    const here = perLength + (depth << 2);
    store<u32>(here, load<u32>(here) - 1);
    store<u32>(here + 4, load<u32>(here + 4) + 2);
  }
}

/** Makes every length at most `limit`, at little cost: the few rare symbols that were too deep push others down. */
function limitLengths(limit: usize, scratch: usize): void {
  const perLength = scratch + PER_LENGTH;
  let over: u32 = 0;
  for (let d = limit + 1; d < 64; d++) over += load<u32>(perLength + (d << 2));
  if (over == 0) return;
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
}

/** The lowest `n` bits of code in reverse order: deflate sends a code from its top bit on, and all else from the bottom. */
@inline
function reverse(code: u32, n: u32): u32 {
  code = ((code & 0x5555) << 1) | ((code >>> 1) & 0x5555);
  code = ((code & 0x3333) << 2) | ((code >>> 2) & 0x3333);
  code = ((code & 0x0f0f) << 4) | ((code >>> 4) & 0x0f0f);
  code = ((code & 0x00ff) << 8) | (code >>> 8);
  return code >>> (16 - n);
}

/** Turns lengths (u32 `length << 16` per symbol) into codes: `length << 16 | code`, ready to be sent from the bottom. */
export function assignCodes(codes: usize, symbols: usize, scratch: usize): void {
  const perLength = scratch + PER_LENGTH;
  const next = scratch + NEXT;
  memory.fill(perLength, 0, 4 * 16);
  for (let s: usize = 0; s < symbols; s++) {
    const at = perLength + (load<u32>(codes + (s << 2)) >>> 16 << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  store<u32>(perLength, 0);
  let code: u32 = 0;
  for (let d: usize = 1; d < 16; d++) {
    code = (code + load<u32>(perLength + ((d - 1) << 2))) << 1;
    store<u32>(next + (d << 2), code);
  }
  for (let s: usize = 0; s < symbols; s++) {
    const length = load<u32>(codes + (s << 2)) >>> 16;
    if (length == 0) continue;
    const at = next + (length << 2);
    const mine = load<u32>(at);
    store<u32>(at, mine + 1);
    store<u32>(codes + (s << 2), (length << 16) | reverse(mine, length));
  }
}

/**
 * Makes a code for symbols 0 to `symbols` - 1 with the given counts (u32 each, their sum below 2^23), no longer than
 * `limit` bits. Writes `length << 16 | code` per symbol to `codes`, 0 for one that is not used. A code always has two
 * symbols at least, used or not: some decoders want it complete.
 */
export function makeCodes(counts: usize, symbols: usize, limit: usize, codes: usize, scratch: usize): void {
  memory.fill(codes, 0, symbols << 2);
  const used = sortSymbols(counts, symbols, scratch);
  if (used < 2) {
    const only: usize = used == 0 ? 0 : load<u32>(scratch + SORTED) & 511;
    store<u32>(codes + (only << 2), 1 << 16);
    store<u32>(codes + (only == 0 ? 4 : 0), 1 << 16);
  } else {
    countLengths(used, scratch);
    limitLengths(limit, scratch);
    // The most frequent symbols get the shortest codes.
    let place = used;
    for (let d: u32 = 1; d <= <u32>limit; d++) {
      for (let n = load<u32>(scratch + PER_LENGTH + (d << 2)); n > 0; n--) {
        place--;
        const symbol = load<u32>(scratch + SORTED + (place << 2)) & 511;
        store<u32>(codes + (symbol << 2), d << 16);
      }
    }
  }
  assignCodes(codes, symbols, scratch);
}
