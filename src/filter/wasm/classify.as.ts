// Decides for each struct page how to filter its page: the hot loop of pass 1.
//
// It is WebAssembly and not plain TypeScript because most runs scan the struct pages of a few gigabytes. That takes 10
// to 50 ms here, and a JavaScript engine would need as long again until it had fast code for the loop.
//
// Cost per struct page: about 5 ns. It reads one cache line of 64 bytes, and 3 to 5 words of it.

import { compoundPages, freePages, isHugetlb } from "./_classify-blocks.as";
import {
  flag,
  P_ANON_BIT,
  P_BUDDY,
  P_BUDDY_TYPE,
  P_DROP_USER,
  P_FLAGS_AT,
  P_HEAD,
  P_HUGETLB_TYPE,
  P_HWPOISON,
  P_LRU,
  P_MAPCOUNT_AT,
  P_MAPPING_AT,
  P_OFFLINE_TYPE,
  P_ORDERS,
  P_PRIVACY,
  P_PRIVATE,
  P_REFCOUNT_AT,
  P_RESERVED,
  P_SIZE,
  P_SLAB,
  P_SLAB_TYPE,
  P_SWAP,
  P_TAIL_AT,
  P_TAIL_BIT,
  P_UNACCEPTED_TYPE,
  param,
  word,
} from "./_classify-parameters.as";

// Classes: the numbers in page-classes.ts.
const CACHE: u8 = 1;
const CACHE_PRIVATE: u8 = 2;
const USER: u8 = 3;
const FREE: u8 = 4;
const UNREFERENCED: u8 = 8;
const OFF_LRU: u8 = 9;
const UNKNOWN: u8 = 10;
/** Classes from here on are reasons for keeping pages. With a privacy policy they are counted, too. */
const KEPT_FROM: u8 = 16;
const KEPT_RESERVED: u8 = 16;
const KEPT_SLAB: u8 = 17;
const KEPT_KNOWN: u8 = 18;

// The state: 32-bit words. The word at 4 belongs to _classify-blocks.as.ts.
/** Class of the pages of a block that continues behind the batch. */
const S_REST: usize = 0;
/**
 * Class of the last page that is not a tail, which is also the class of the tails that follow it. Used with a privacy
 * policy only.
 */
const S_LAST: usize = 8;
/** From here on: pages dropped, by class, since the caller last set the words to 0. */
const S_DROPPED: usize = 12;
/** The class of a single page for each combination of the facts below: a table of bytes from class-rules.ts. */
const S_TABLE: usize = 512;

// The facts of a page, as bits: FACT in kernel/page/page-facts.ts. Bit 0: its mapping looks anonymous.
const CACHED: u32 = 1;
const HAS_PRIVATE: u32 = 2;
const POISONED: u32 = 3;
const SLAB: u32 = 4;
const IS_OFFLINE: u32 = 5;

/**
 * Classifies the pages [from, to) of a batch. The struct page of page i is at `pages + i * size`, its pfn is `firstPfn
 * + i`; pages without a bit in `present` are skipped. Sets classes[i] of pages to be dropped; the caller has set all to
 * 0. Returns the index behind the last page that was decided. It is above `to` if a free block or compound page
 * continues there; S_REST is its class then.
 *
 * With a privacy policy every page gets a class: a reason why it is kept (KEPT_FROM), or why not. `known` has the bits
 * of pages that are known to be the kernel's. A page whose head is missing, or was skipped, is unknown.
 */
export function classify(
  params: usize,
  state: usize,
  pages: usize,
  firstPfn: f64,
  from: i32,
  to: i32,
  present: usize,
  classes: usize,
  known: usize,
): i32 {
  const first = <u64>firstPfn;
  const size = <usize>param(params, P_SIZE);
  const flagsAt = <usize>param(params, P_FLAGS_AT);
  const mappingAt = <usize>param(params, P_MAPPING_AT);
  const tailAt = <usize>param(params, P_TAIL_AT);
  const mapcountAt = <usize>param(params, P_MAPCOUNT_AT);
  const tailBit = word(params, P_TAIL_BIT);
  const anonBit = word(params, P_ANON_BIT);
  const lru = word(params, P_LRU);
  const privateFlag = word(params, P_PRIVATE);
  const swap = word(params, P_SWAP);
  const slabFlag = word(params, P_SLAB);
  const hwpoison = word(params, P_HWPOISON);
  const head = word(params, P_HEAD);
  const buddyFlag = word(params, P_BUDDY);
  const slabType = param(params, P_SLAB_TYPE);
  const offlineType = param(params, P_OFFLINE_TYPE);
  const hugetlbType = param(params, P_HUGETLB_TYPE);
  const buddyType = param(params, P_BUDDY_TYPE);
  const unacceptedType = param(params, P_UNACCEPTED_TYPE);
  const dropUser = flag(params, P_DROP_USER);
  const privacy = flag(params, P_PRIVACY);
  const special = buddyFlag | head;
  // An empty mask must match nothing.
  const swapWanted = swap == 0 ? 1 : swap;
  const table = state + S_TABLE;
  let last = <u8>load<u32>(state, S_LAST);

  let i = from;
  while (i < to) {
    // Up to 64 pages at once: to the end of a run of present pages.
    const there = load<u64>(present + (i >> 3)) >> <u64>(i & 7);
    if ((there & 1) == 0) {
      // To the next present page, or the next byte.
      const bits = <u32>there & 0xff;
      i = min(to, i + (bits == 0 ? 8 - (i & 7) : ctz(bits)));
      last = UNKNOWN;
      continue;
    }
    const stop = min(to, i + <i32>ctz(~there));
    while (i < stop) {
      const page = pages + <usize>i * size;
      if ((load<u32>(page + tailAt) & tailBit) != 0) {
        if (privacy) store<u8>(classes + i, last);
        i++;
        continue;
      }
      const flags = load<u32>(page + flagsAt);
      const mapcount = <u64>load<u32>(page + mapcountAt);
      const slab = <u32>((flags & slabFlag) != 0) | <u32>(mapcount == slabType);
      const bits =
        <u32>((load<u32>(page + mappingAt) & anonBit) != 0) |
        ((<u32>((flags & lru) != 0) | <u32>((flags & swap) == swapWanted)) << CACHED) |
        (<u32>((flags & privateFlag) != 0) << HAS_PRIVATE) |
        (<u32>((flags & hwpoison) != 0) << POISONED) |
        (slab << SLAB) |
        (<u32>(mapcount == offlineType) << IS_OFFLINE);
      let found = load<u8>(table + bits);
      if (
        ((flags & special) | <u32>(mapcount == buddyType) | <u32>(mapcount == unacceptedType) | <u32>privacy) == 0
      ) {
        // A single page, which is the most frequent case: no branch depends on its class.
        store<u8>(classes + i, found);
        i++;
        continue;
      }
      let count: i64 = 1;
      if ((mapcount == buddyType && slab == 0) || (flags & buddyFlag) != 0) {
        count = freePages(params, state, page, first + <u64>i);
        if (count == 0) {
          if (privacy) store<u8>(classes + i, UNREFERENCED);
          last = UNREFERENCED;
          i++;
          continue;
        }
        found = FREE;
      } else if (mapcount == unacceptedType) {
        count = (<i64>1) << (<i64>param(params, P_ORDERS) - 1);
        found = FREE;
      } else {
        if ((flags & head) != 0 && i + 1 < to) {
          count = compoundPages(params, page + size, first + <u64>i);
          const huge = dropUser && count > 1 && (mapcount == hugetlbType || isHugetlb(params, page + size));
          if (huge && found != CACHE && found != CACHE_PRIVATE) found = USER;
        }
        if (found == 0) {
          if (!privacy) {
            i++;
            continue;
          }
          if (slab != 0) found = KEPT_SLAB;
          else if ((flags & word(params, P_RESERVED)) != 0) found = KEPT_RESERVED;
          else if (anyBit(known, i, <i32>min<i64>(<i64>i + count, to))) found = KEPT_KNOWN;
          else if (load<u32>(page + mappingAt) != 0) found = OFF_LRU;
          else if (load<u32>(page + <usize>param(params, P_REFCOUNT_AT)) == 0) found = UNREFERENCED;
          else found = UNKNOWN;
        }
      }
      last = found;
      if (count == 1) {
        store<u8>(classes + i, found);
        i++;
        continue;
      }
      const end = <i64>i + count;
      memory.fill(classes + i, found, <usize>(min<i64>(end, to) - i));
      if (end > to) store<u32>(state, found, S_REST);
      i = <i32>end;
    }
  }
  store<u32>(state, last, S_LAST);
  return i;
}

/** Whether a bit in [from, to) is set. */
function anyBit(bits: usize, from: i32, to: i32): bool {
  for (let i = from; i < to; i++) {
    if (((<u32>load<u8>(bits + (i >> 3)) >> (i & 7)) & 1) != 0) return true;
  }
  return false;
}

/**
 * Clears the bits of the pages [0, count) of a batch that have a class below KEPT_FROM, and counts them by class in the
 * state. Eight pages at a time: about 0.5 ns per page. `classes` beyond `count` must be 0 up to a multiple of 8.
 */
export function drop(state: usize, count: i32, present: usize, classes: usize): void {
  for (let i = 0; i < count; i += 8) {
    const eight = load<u64>(classes + i);
    if (eight == 0) continue;
    const at = present + (i >> 3);
    const bits = <u32>load<u8>(at);
    const first = eight & 0xff;
    if (eight == first * 0x0101010101010101) {
      const counter = state + S_DROPPED + <usize>first * 4;
      store<u32>(counter, load<u32>(counter) + popcnt(bits));
      if (<u8>first < KEPT_FROM) store<u8>(at, 0);
      continue;
    }
    let left = bits;
    for (let k = 0; k < 8; k++) {
      const found = <usize>((eight >> (k * 8)) & 0xff);
      if (found == 0 || ((bits >> k) & 1) == 0) continue;
      if (<u8>found < KEPT_FROM) left &= ~(1 << k);
      const counter = state + S_DROPPED + found * 4;
      store<u32>(counter, load<u32>(counter) + 1);
    }
    store<u8>(at, left);
  }
}
