import type { OrderField, PageLayout } from "../../kernel/page/page-layout.js";
import { pageMarks } from "../../kernel/page/page-marks.js";
import { findBit, type PageBitmap, testBit } from "../../reader/bitmap.js";
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
  orderEndsTails: "compound pages end where their order says",
  errorOffLru: "pages with memory errors are on no LRU list",
  flagsNoAddress: "page flags are no address",
  freeIsAligned: "free blocks begin at a multiple of their size",
  namesItself: "lists that name themselves are those of struct pages",
  unusedIsFree: "blocks that nothing refers to bear the mark of free pages",
} as const;

/** How many of the sampled struct pages follow each rule. */
export type PageEvidence = Readonly<Record<keyof typeof RULES, Share>>;

/**
 * Lists of struct pages that name themselves: this many confirm the layout, and no more are counted; without them as many
 * in other places refute it. Samples of real kernels had 115 (pages of 64 KiB) to 7,031.
 */
export const CONFIRMED = 8;
/** Bits of `mapping`: anonymous, and a driver's movable page (both: KSM). */
const ANON = 1;
const MAPPING_FLAGS = 3;
/** If kernel addresses are above this, page flags are not. Addresses of s390x begin at 0. */
const UPPER_HALF = 2 ** 63;

/**
 * Counts how many of the sample's struct pages follow the rules that hold in every kernel. The rules of user memory and
 * page cache are checked on single pages in use (with references, neither head nor tail, no slab, no page type): pages
 * of hugetlb have a mapping, but are on no list. Costs about 50 ns per struct page in compiled code. A run ends before
 * V8 has compiled it, so everything is done on words of 32 bits, which take few instructions.
 */
export function pageEvidence(
  blocks: readonly SampleBlock[],
  layout: PageLayout,
  lowestAddress: bigint,
  exists: PageBitmap,
): PageEvidence {
  const facts = factsOf(layout, Number(lowestAddress));
  const counts = Object.fromEntries(
    Object.entries(RULES).map(([name, rule]) => [name, { rule, cases: 0, right: 0 }]),
  ) as unknown as Counts;
  for (const block of blocks) countPages(block, facts, exists, counts);
  return counts;
}

type Counts = Readonly<Record<keyof typeof RULES, { rule: string; cases: number; right: number }>>;

type Facts = ReturnType<typeof factsOf>;

/** The parameters of the loop: positions in words, and values as signed words; NaN if there is none. */
function factsOf(layout: PageLayout, lowest: number) {
  const { offset, bit, type } = layout;
  const { mask } = pageMarks(layout);
  const wide = layout.wordSize === 8;
  const low = wide && !layout.littleEndian ? 1 : 0;
  const hasMapcount = offset.mapcount !== undefined;
  const types = [type.offline, type.hugetlb, type.slab, type.unaccepted];
  return {
    ...{ size: layout.size / 4, wide, low, lowest, upperHalf: wide && lowest >= UPPER_HALF },
    ...{ refcount: offset.refcount / 4, flags: offset.flags / 4, mapping: offset.mapping / 4 },
    ...{ hasMapcount, mapcount: (offset.mapcount ?? 0) / 4 },
    ...{ hasList: offset.lru !== undefined, list: (offset.lru ?? 0) / 4 },
    ...{ hasPrivate: offset.private !== undefined, private: (offset.private ?? 0) / 4 },
    ...{ hasTails: offset.compoundHead !== undefined, compoundHead: (offset.compoundHead ?? 0) / 4 + low },
    ...{ hasHeads: layout.headMask !== undefined, headMask: mask.head },
    ...{ hasLru: bit.lru !== undefined, lru: mask.lru },
    ...{ hasSwapbacked: bit.swapbacked !== undefined, swapbacked: mask.swapbacked },
    ...{ slab: mask.slab, privateData: mask.private },
    hwpoison: bit.hwpoison === undefined ? 0 : 1 << bit.hwpoison,
    buddy: hasMapcount && type.buddy !== undefined ? type.buddy | 0 : Number.NaN,
    otherTypes: types.map((value) => (value === undefined ? Number.NaN : value | 0)),
    orders: layout.orders ?? 0,
    order: layout.order,
    littleEndian: layout.littleEndian,
  };
}

function countPages(
  { words, count, firstPfn, address }: SampleBlock,
  facts: Facts,
  exists: PageBitmap,
  counts: Counts,
): void {
  const word = (at: number) => words[at] as number;
  const addressWord = Number(BigInt.asUintN(32, address));
  // The lower half of an address is enough.
  const namesItself = (at: number) => word(at + facts.low) === ((addressWord + at * 4) | 0);
  // Nearly always all of them exist.
  const allExist = findBit(exists, firstPfn, firstPfn + count, false) === firstPfn + count;
  // The last one is only read as the neighbour of the one before.
  for (let i = 0; i + 1 < count; i++) {
    const at = i * facts.size;
    if (facts.hasList && counts.namesItself.right < CONFIRMED) countLists(at, facts, counts, namesItself);
    if (facts.hasTails && (word(at + facts.compoundHead) & 1) !== 0) continue;
    if (!allExist && !testBit(exists, firstPfn + i)) continue;
    const mapcount = facts.hasMapcount ? word(at + facts.mapcount) : -1;
    const references = word(at + facts.refcount);
    // Large objects of kmalloc have no references, either, in newer kernels (seen in 7.2); free blocks are not compound.
    const isHead = facts.hasHeads && (word(at + facts.flags + facts.low) & facts.headMask) !== 0;
    if (facts.hasPrivate && (mapcount === facts.buddy || (references === 0 && mapcount < -1 && !isHead))) {
      countFree(facts, counts, firstPfn + i, unsignedLong(words, at + facts.private, facts), mapcount, references);
    }
    if (references > 0) countUsed(words, at, facts, counts, mapcount);
    countOrder(words, at, count - i, facts, counts);
  }
}

/**
 * The kernel begins each struct page with an empty list, whose head points to itself (memmap_init); reserved pages keep
 * that for ever. With another kernel's layout, and in other memory than struct pages, such heads are in other places.
 */
function countLists(at: number, facts: Facts, counts: Counts, namesItself: (at: number) => boolean): void {
  const { size, list, wide } = facts;
  for (let i = 0; i < size; i += wide ? 2 : 1) {
    if (!namesItself(at + i)) continue;
    // With a wrong size one in several places may be right, but not two neighbours; with twice the size also the places
    // between.
    add(counts.namesItself, i === list && namesItself(at + i + size) && !namesItself(at + i + size / 2));
  }
}

/**
 * Heads whose last page and the page behind it are in the block. Every kernel has slabs of several pages, so there are
 * always some.
 */
function countOrder(words: Int32Array, at: number, left: number, facts: Facts, counts: Counts): void {
  const { order: field, size, hasHeads, hasTails, headMask, flags, low } = facts;
  if (field === undefined || !hasHeads || !hasTails) return;
  if (((words[at + flags + low] as number) & headMask) === 0) return;
  const isTail = (page: number) => ((words[at + page * size + facts.compoundHead] as number) & 1) !== 0;
  if (!isTail(1)) return;
  const order = orderAt(words, at + size, field, facts);
  if (order < 1 || order > MAX_ORDER) add(counts.orderEndsTails, false);
  else if (2 ** order < left) add(counts.orderEndsTails, isTail(2 ** order - 1) && !isTail(2 ** order));
}

/** The value of an order field; if it is wider than 32 bits, its lowest word. */
function orderAt(
  words: Int32Array,
  at: number,
  { offset, width, lowByte }: OrderField,
  { littleEndian }: Facts,
): number {
  const lowest = littleEndian || width <= 4 ? offset : offset + width - 4;
  const word = (words[at + (lowest >> 2)] as number) >>> 0;
  const bits = Math.min(width, 4) * 8;
  const shift = littleEndian ? (lowest & 3) * 8 : 32 - (lowest & 3) * 8 - bits;
  const value = Math.floor(word / 2 ** shift) % 2 ** bits;
  return lowByte ? value & 0xff : value;
}

/** Orders of compound pages are below this: hugetlb's largest pages are 16 GiB of 4 KiB pages. */
const MAX_ORDER = 22;

function countFree(
  { buddy, orders, otherTypes }: Facts,
  counts: Counts,
  pfn: number,
  order: number,
  mapcount: number,
  references: number,
): void {
  if (order >= orders) return;
  const aligned = pfn % 2 ** order === 0;
  if (mapcount === buddy && order > 0) add(counts.freeIsAligned, aligned);
  if (references === 0 && mapcount < -1 && aligned && !otherTypes.includes(mapcount)) {
    add(counts.unusedIsFree, mapcount === buddy);
  }
}

function countUsed(words: Int32Array, at: number, facts: Facts, counts: Counts, mapcount: number): void {
  const flags = words[at + facts.flags + facts.low] as number;
  if (facts.upperHalf) add(counts.flagsNoAddress, unsignedLong(words, at + facts.flags, facts) < facts.lowest);
  if (facts.hasLru && (flags & facts.hwpoison) !== 0) add(counts.errorOffLru, (flags & facts.lru) === 0);
  const head = facts.hasHeads && (flags & facts.headMask) !== 0;
  const nextIsTail = facts.hasTails && ((words[at + facts.size + facts.compoundHead] as number) & 1) !== 0;
  if (facts.hasHeads && facts.hasTails) {
    if (nextIsTail) add(counts.headBeforeTail, head);
    if (head) add(counts.tailBehindHead, nextIsTail);
  }
  if (head || nextIsTail || (flags & facts.slab) !== 0 || mapcount < -1) return;
  const mapping = unsignedLong(words, at + facts.mapping, facts);
  const kind = (words[at + facts.mapping + facts.low] as number) & MAPPING_FLAGS;
  const mapped = mapping > MAPPING_FLAGS && mapping >= facts.lowest;
  const onLru = (flags & facts.lru) !== 0;
  const anon = (kind & ANON) !== 0;
  if (mapped && anon && mapcount >= 0) {
    if (facts.hasLru) add(counts.anonOnLru, onLru);
    if (facts.hasSwapbacked) add(counts.anonSwapbacked, (flags & facts.swapbacked) !== 0);
  }
  if (!facts.hasLru) return;
  if (mapped && kind === 0) add(counts.fileOnLru, onLru);
  if (onLru) add(counts.lruHasMapping, mapped);
  if (onLru && !anon && (flags & facts.privateData) !== 0 && facts.hasPrivate) {
    add(counts.privateHasData, unsignedLong(words, at + facts.private, facts) !== 0);
  }
}

/** The words are in the order in which the machine has them in memory. */
function unsignedLong(words: Int32Array, at: number, { wide, low }: Facts): number {
  if (!wide) return (words[at] as number) >>> 0;
  return ((words[at + 1 - low] as number) >>> 0) * 2 ** 32 + ((words[at + low] as number) >>> 0);
}

function add(share: { cases: number; right: number }, right: boolean): void {
  share.cases++;
  if (right) share.right++;
}
