import { testBit } from "../../reader/bitmap.js";
import type { PageLayout } from "../page-layout.js";
import { lowWord } from "./free-blocks.js";
import type { SampleBlock } from "./sample.js";
import type { Share } from "./share.js";

const RULES = {
  anonOnLru: "mapped anonymous pages are on an LRU list",
  anonSwapbacked: "mapped anonymous pages are backed by swap",
  fileOnLru: "pages of a file's mapping are on an LRU list",
  lruHasMapping: "pages on an LRU list have a mapping",
  privateHasData: "cache pages with private data have some",
  headBeforeTail: "pages before a tail page are heads",
  tailBehindHead: "pages behind a head are tails",
  flagsNoAddress: "page flags are no address",
  freeIsAligned: "free blocks begin at a multiple of their size",
  unusedIsFree: "blocks that nothing refers to bear the mark of free pages",
} as const;

/** What sampled struct pages say of the facts that tell what pages are: how many follow each rule. */
export type PageEvidence = Readonly<Record<keyof typeof RULES, Share>>;

/** Bits of `mapping`: anonymous, and a driver's movable page (both: KSM). */
const ANON = 1;
const MAPPING_FLAGS = 3;
/** Where kernel addresses are above it, no page flags are; s390x' begin at 0. */
const UPPER_HALF = 2 ** 63;

/**
 * Counts how far the sample's struct pages are as every kernel keeps them. For the rules of user memory and page cache
 * single pages in use are looked at (references, neither head nor tail, no slab, no page type): pages of hugetlb have
 * a mapping and are on no list. `refcount` is the offset of _refcount. About 50 ns per struct page.
 */
export function pageEvidence(
  blocks: readonly SampleBlock[],
  layout: PageLayout,
  refcount: number,
  lowestAddress: bigint,
  exists: Uint8Array,
): PageEvidence {
  const { offset, bit, type, wordSize, littleEndian: le, headMask } = layout;
  const mask = (number: number | undefined) => (number === undefined ? 0 : (1 << number) >>> 0);
  const [lru, swapbacked, slab, priv] = [mask(bit.lru), mask(bit.swapbacked), mask(bit.slab), mask(bit.private)];
  const lowest = Number(lowestAddress);
  const upperHalf = wordSize === 8 && lowest >= UPPER_HALF;
  const low = (at: number) => at + (wordSize === 8 && !le ? 4 : 0);
  const flagsAt = lowWord(layout);
  const otherTypes = [type.offline, type.hugetlb, type.slab, type.unaccepted];
  const counts = Object.fromEntries(
    Object.entries(RULES).map(([name, rule]) => [name, { rule, cases: 0, right: 0 }]),
  ) as Record<keyof typeof RULES, { rule: string; cases: number; right: number }>;
  const add = (name: keyof typeof RULES, right: boolean) => {
    counts[name].cases++;
    if (right) counts[name].right++;
  };
  for (const { bytes, count, firstPfn } of blocks) {
    const word = (at: number) => {
      const first = bytes.getUint32(at, le);
      if (wordSize === 4) return first;
      const second = bytes.getUint32(at + 4, le);
      return le ? second * 2 ** 32 + first : first * 2 ** 32 + second;
    };
    const isTail = (at: number) =>
      offset.compoundHead !== undefined && (bytes.getUint32(low(at + offset.compoundHead), le) & 1) !== 0;
    // The last one is only looked at as the neighbour of the one before.
    for (let i = 0; i + 1 < count; i++) {
      const at = i * layout.size;
      if (!testBit(exists, firstPfn + i) || isTail(at)) continue;
      const flags = bytes.getUint32(at + flagsAt, le);
      const mapcount = offset.mapcount === undefined ? -1 : bytes.getInt32(at + offset.mapcount, le);
      const references = bytes.getInt32(at + refcount, le);
      if (mapcount >>> 0 === type.buddy && offset.mapcount !== undefined && offset.private !== undefined) {
        const order = word(at + offset.private);
        if (order > 0 && order < (layout.orders ?? 0)) add("freeIsAligned", (firstPfn + i) % 2 ** order === 0);
      }
      if (references === 0 && mapcount < -1 && !otherTypes.includes(mapcount >>> 0) && offset.private !== undefined) {
        const order = word(at + offset.private);
        if (order < (layout.orders ?? 0) && (firstPfn + i) % 2 ** order === 0) {
          add("unusedIsFree", mapcount >>> 0 === type.buddy);
        }
      }
      if (references <= 0) continue;
      if (upperHalf) add("flagsNoAddress", word(at + offset.flags) < lowest);
      const head = headMask !== undefined && (flags & headMask) !== 0;
      const nextIsTail = isTail(at + layout.size);
      if (headMask !== undefined && offset.compoundHead !== undefined) {
        if (nextIsTail) add("headBeforeTail", head);
        if (head) add("tailBehindHead", nextIsTail);
      }
      if (head || nextIsTail || (flags & slab) !== 0 || mapcount < -1) continue;
      const mapping = word(at + offset.mapping);
      const kind = bytes.getUint32(low(at + offset.mapping), le) & MAPPING_FLAGS;
      const mapped = mapping > MAPPING_FLAGS && mapping >= lowest;
      const onLru = (flags & lru) !== 0;
      const anon = (kind & ANON) !== 0;
      if (mapped && anon && mapcount >= 0) {
        if (bit.lru !== undefined) add("anonOnLru", onLru);
        if (bit.swapbacked !== undefined) add("anonSwapbacked", (flags & swapbacked) !== 0);
      }
      if (bit.lru === undefined) continue;
      if (mapped && kind === 0) add("fileOnLru", onLru);
      if (onLru) add("lruHasMapping", mapped);
      if (onLru && !anon && (flags & priv) !== 0 && offset.private !== undefined) {
        add("privateHasData", word(at + offset.private) !== 0);
      }
    }
  }
  return counts;
}
