import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { readVirtual } from "../address-space.js";
import type { KernelMemory } from "../kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../kernel-view.js";
import { isIn, type KnownBatch, KnownBatches } from "./known-batches.js";
import { type MemMap, structPageAddress, structPageIn, structPagesInHole } from "./mem-map.js";
import { pageFactsReader } from "./page-facts.js";
import { KIND, kindOf } from "./page-kinds.js";
import type { PageLayout } from "./page-layout.js";

/** Struct pages that are read at once. */
const BATCH = 8192;

/** Finds the kinds of a dump's pages from their struct pages. */
export interface KindReader {
  /**
   * Writes the kinds of the pages [startPfn, endPfn) to `kinds`. Calls must go through the pages in ascending order: a huge page
   * may begin in an earlier window.
   */
  read(startPfn: number, endPfn: number, kinds: Uint8Array): void;
  /** The word in `mapping` of a page's struct page, or of its head's. */
  mappingOf(pfn: number): bigint | undefined;
  /** The page's index in that mapping, in pages. */
  indexOf(pfn: number): bigint | undefined;
  /** The address of a page's struct page, or of its head's. */
  structOf(pfn: number): bigint | undefined;
}

/**
 * Throws nothing of its own if `view` is the dump's. `onMemoryError` is called for each page with a memory error, in
 * ascending order. The kind does not always show the error: the page may be part of a larger page, or of a slab.
 */
export function kindReader(dump: Dump, view: KernelView, onMemoryError?: (pfn: number) => void): KindReader {
  const memory = viewMemory(dump, view);
  if (memory === undefined) throw new Error("a kernel view without VMCOREINFO");
  const { memMap, layout } = view;
  const { size } = layout;
  const reader = pageFactsReader(layout);
  const space = attachSpace(view.space, dump.memory);
  const bytes = new Uint8Array((BATCH + 1) * size);
  const pages = new DataView(bytes.buffer);
  const walk = newWalk();
  const known = new KnownBatches(space, dump.pageSize);
  const { isListed } = listReader(memory, layout);

  const addressOf = (range: number, pfn: number) => structPageIn(memMap, size, range, pfn);
  const endOf = (range: number) => memMap.endPfn[range] as number;

  /** Kinds of the pages [from, to) of a range, which lie in one batch. */
  const readBatch = (range: number, from: number, to: number, window: Window): void => {
    const address = addressOf(range, from);
    const places = known.placesOf(address, (Math.min(to + 1, endOf(range)) - from) * size);
    const key = `${stateAt(walk, from, to, window)} ${places}`;
    const batch = known.get(key, address);
    if (batch !== undefined) {
      repeat(walk, batch, from, window);
      for (const at of batch.errors) onMemoryError?.(from + at);
      return;
    }
    walk.seen = { blocks: 0, errors: [], listed: [] };
    for (let pfn = from; pfn < to; ) {
      const reached = readRun(range, pfn, to, window);
      // Where the array has a hole, go on behind the page of memory in which it is.
      pfn = reached === to ? to : reached + structPagesInHole(addressOf(range, reached), dump.pageSize, size);
      pfn = Math.min(pfn, to);
      window.kinds.fill(KIND.unreadable, reached - window.startPfn, pfn - window.startPfn);
    }
    const read = batchOf(walk, from, to, window, (pfn) => addressOf(range, pfn) - address);
    // Where it is read now, lists may say something else than at other places.
    if (!isIn(read.listed, address)) known.add(key, read);
  };

  /** Kinds of the pages [from, to) of a range. Returns the first pfn whose struct page was not there, or `to`. */
  const readRun = (range: number, from: number, to: number, window: Window): number => {
    const wanted = Math.min(to + 1, endOf(range)) - from;
    const got = Math.floor(
      readVirtual(space, dump.memory, bytes.subarray(0, wanted * size), addressOf(range, from)) / size,
    );
    const { startPfn, kinds } = window;
    const { seen } = walk;
    const count = Math.min(got, to - from);
    for (let i = 0; i < count; i++) {
      const pfn = from + i;
      const at = i * size;
      if (onMemoryError !== undefined && reader.hasMemoryError(pages, at)) {
        seen.errors.push(pfn);
        onMemoryError(pfn);
      }
      if (pfn < walk.covered) {
        kinds[pfn - startPfn] = walk.coveredKind;
        continue;
      }
      if (reader.isTail(pages, at)) {
        // The order of its head is not known.
        kinds[pfn - startPfn] = kindBefore(walk, pfn, window);
        continue;
      }
      const hasNext = i + 1 < got;
      const facts = reader.factsAt(pages, at, hasNext);
      let kind = kindOf(facts);
      if (kind === KIND.unreferenced) {
        const listed = isListed(pages, at, addressOf(range, pfn), (self) => seen.listed.push({ pfn, self }));
        kind = listed ? KIND["pcp-free"] : kindBehind(walk.first, pfn, listed);
        if (listed) walk.first = { pfn, kind };
      } else {
        walk.first = { pfn, kind };
      }
      kinds[pfn - startPfn] = kind;
      walk.covered = pfn + reader.pagesOf(pages, at, facts, pfn, hasNext);
      walk.coveredKind = kind;
      seen.blocks++;
    }
    return from + count;
  };

  return {
    read(startPfn, endPfn, kinds) {
      const window: Window = { startPfn, kinds };
      kinds.fill(KIND["no-struct-page"], 0, endPfn - startPfn);
      for (let range = 0; range < memMap.count; range++) {
        let pfn = Math.max(memMap.startPfn[range] as number, startPfn);
        const end = Math.min(endOf(range), endPfn);
        while (pfn < end) {
          const to = Math.min(end, pfn - (pfn % BATCH) + BATCH);
          readBatch(range, pfn, to, window);
          pfn = to;
        }
      }
    },
    ...headReader(memory, memMap, layout),
  };
}

/**
 * The struct page that is valid for a page (its own or its head's), and how many pages the page lies behind the head.
 */
interface Head {
  readonly address: bigint;
  readonly behind: number;
}

function headFinder(memory: KernelMemory, memMap: MemMap, layout: PageLayout): (pfn: number) => Head | undefined {
  const { size } = layout;
  const { compoundHead } = layout.offset;
  return (pfn) => {
    const address = structPageAddress(memMap, size, pfn);
    if (address === undefined) return undefined;
    const head = compoundHead === undefined ? 0n : memory.readWord(address + BigInt(compoundHead));
    // Since 7.1 a mask may be stored there instead of the head's address; then the page's own struct page is used.
    if (head !== undefined && (head & 1n) !== 0n && memory.isKernelAddress(head)) {
      const distance = address - (head - 1n);
      if (distance > 0n && distance < BigInt(size) << 24n) {
        return { address: head - 1n, behind: Math.round(Number(distance) / size) };
      }
    }
    return { address, behind: 0 };
  };
}

function headReader(memory: KernelMemory, memMap: MemMap, layout: PageLayout): Omit<KindReader, "read"> {
  const headOf = headFinder(memory, memMap, layout);
  return {
    structOf: (pfn) => headOf(pfn)?.address,
    mappingOf(pfn) {
      const head = headOf(pfn);
      return head && memory.readWord(head.address + BigInt(layout.offset.mapping));
    },
    indexOf(pfn) {
      const head = headOf(pfn);
      const at = layout.offset.index;
      const index = head === undefined || at === undefined ? undefined : memory.readWord(head.address + BigInt(at));
      return index === undefined ? undefined : index + BigInt(head?.behind ?? 0);
    },
  };
}

interface Window {
  readonly startPfn: number;
  readonly kinds: Uint8Array;
}

/** What is carried from batch to batch. */
interface Walk {
  /** Pages before this pfn belong to a block that was read before, of the kind `coveredKind`. */
  covered: number;
  coveredKind: number;
  /** The last page whose own struct page gave its kind: a block may begin with it. */
  first: First;
  /** What was seen in the current batch. */
  seen: {
    blocks: number;
    readonly errors: number[];
    /** Pages, and the addresses of struct pages with which they would be in a list. */
    readonly listed: { readonly pfn: number; readonly self: bigint }[];
  };
}

function newWalk(): Walk {
  return {
    ...{ covered: 0, coveredKind: KIND["no-struct-page"] },
    first: { pfn: -1, kind: KIND["no-struct-page"] },
    seen: { blocks: 0, errors: [], listed: [] },
  };
}

/** What the kinds of the pages from `from` on depend on, beside their struct pages: they lie in one batch, to `to`. */
function stateAt(walk: Walk, from: number, to: number, window: Window): string {
  const { covered, coveredKind, first } = walk;
  const start = from - (from % BATCH);
  const alignment = start % MOST_ALIGNMENT;
  let state = `${alignment === 0 ? MOST_ALIGNMENT : alignment & -alignment} ${from - start} ${to - start}`;
  state += ` ${kindBefore(walk, from, window)}`;
  if (covered > from) state += ` ${Math.min(covered, to) - from}:${coveredKind}`;
  // A block that begins before the batch has all of it, or nothing of it.
  if (first.pfn >= start) state += ` at ${first.pfn - start}:${first.kind}`;
  else if (kindBehind(first, from, false) !== KIND.unreferenced) state += ` in ${first.kind}`;
  return state;
}

/** The kind of the page before `pfn`, as far as it was read. */
function kindBefore({ coveredKind }: Walk, pfn: number, { startPfn, kinds }: Window): number {
  return pfn > startPfn ? (kinds[pfn - startPfn - 1] as number) : coveredKind;
}

/** The pages from `from` on are like those of a batch that was read before. */
function repeat(walk: Walk, { kinds, block, first }: KnownBatch, from: number, window: Window): void {
  window.kinds.set(kinds, from - window.startPfn);
  if (block !== undefined) {
    walk.covered = from + block.end;
    walk.coveredKind = block.kind;
  }
  if (first !== undefined) walk.first = { pfn: from + first.at, kind: first.kind };
}

/** What was read of the batch [from, to); `bytesTo` is the distance of a page's struct page from the first one. */
function batchOf(
  { covered, coveredKind, first, seen }: Walk,
  from: number,
  to: number,
  { startPfn, kinds }: Window,
  bytesTo: (pfn: number) => bigint,
): KnownBatch {
  return {
    kinds: kinds.slice(from - startPfn, to - startPfn),
    block: seen.blocks === 0 ? undefined : { end: covered - from, kind: coveredKind },
    first: first.pfn < from ? undefined : { at: first.pfn - from, kind: first.kind },
    errors: seen.errors.map((pfn) => pfn - from),
    listed: BigUint64Array.from(seen.listed, ({ pfn, self }) => self - bytesTo(pfn)).sort(),
  };
}

interface First {
  readonly pfn: number;
  readonly kind: number;
}

/**
 * The kind of a page that has no references, marks or list, from the page that may be the first of its block. Blocks
 * have 2^n pages and begin at multiples of that. A block on a CPU's list (freed huge pages since 5.13) is linked by its
 * first page, and its other struct pages say nothing. The same holds behind the first page of a kernel allocation that
 * is not compound (stacks, page tables of two pages). `listed` is `undefined` where the lists cannot be read: then the
 * page may be free as well.
 */
function kindBehind(first: First, pfn: number, listed: boolean | undefined): number {
  const pages = 2 ** Math.ceil(Math.log2(pfn - first.pfn + 1));
  if (pages > MOST_BLOCK || first.pfn % pages !== 0) return KIND.unreferenced;
  if (first.kind === KIND["pcp-free"]) return KIND["pcp-free"];
  const kernel = first.kind === KIND.kernel || first.kind === KIND["page-table"];
  return kernel && listed === false ? KIND["kernel-tail"] : KIND.unreferenced;
}

/** The most pages that a kernel allocates at once. */
const MOST_BLOCK = 2 ** 20;

/** Blocks begin at multiples of their size, of up to 2^24 pages. */
const MOST_ALIGNMENT = 2 ** 24;

/**
 * Whether a page is an element of a list: both neighbours of its `lru` point back to it. A page without references or
 * marks that is in a list waits on a CPU's free list (pcp_list shares its place with lru). Old pointers that such a
 * list has left behind do not fit together. `undefined` if a neighbour cannot be read. Reads two words, and passes the
 * addresses of the struct pages to which they point: at other addresses this one is in no list.
 */
function listReader(memory: KernelMemory, { offset: { lru }, wordSize, littleEndian }: PageLayout) {
  const isListed = (
    pages: DataView,
    at: number,
    address: bigint,
    pointsTo: (address: bigint) => void,
  ): boolean | undefined => {
    if (lru === undefined) return undefined;
    const pointer = (offset: number) => wordAt(pages, offset, wordSize, littleEndian);
    const next = pointer(at + lru);
    const previous = pointer(at + lru + wordSize);
    if (!memory.isKernelAddress(next) || !memory.isKernelAddress(previous)) return false;
    const self = address + BigInt(lru);
    const back = memory.readWord(next + BigInt(wordSize));
    const forth = memory.readWord(previous);
    for (const word of [back, forth]) if (word !== undefined) pointsTo(word - BigInt(lru));
    // One neighbour that points elsewhere is enough to know that it is not listed.
    if (next === self || (back !== undefined && back !== self) || (forth !== undefined && forth !== self)) return false;
    return back === undefined || forth === undefined ? undefined : true;
  };
  return { isListed };
}
