import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { readVirtual } from "../address-space.js";
import type { KernelMemory } from "../kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../kernel-view.js";
import { type KnownBatch, KnownBatches } from "./known-batches.js";
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
  const walk: Walk = {
    ...{ covered: 0, coveredKind: KIND["no-struct-page"] },
    first: { pfn: -1, kind: KIND["no-struct-page"] },
    needs: { before: false, noBlock: false },
  };
  const known = new KnownBatches(space);

  const addressOf = (range: number, pfn: number) => structPageIn(memMap, size, range, pfn);

  /** Like `readRun`, which reads what is not known. */
  const readBatch = (range: number, from: number, to: number, window: Window): number => {
    const isWhole = from % BATCH === 0 && to === from + BATCH && walk.covered <= from;
    const bytes = (Math.min(to + 1, memMap.endPfn[range] as number) - from) * size;
    const key = isWhole && onMemoryError === undefined ? known.keyOf(from, addressOf(range, from), bytes) : undefined;
    const noBlock = !mayBeInBlock(walk.first, from);
    const batch = key === undefined ? undefined : known.get(key);
    if (batch !== undefined && (noBlock || !batch.needsNoBlock)) {
      repeat(walk, batch, from, window);
      return to;
    }
    walk.needs = { before: false, noBlock: false };
    const reached = readRun(range, from, to, window);
    if (key !== undefined && reached === to && isClosed(walk, to, noBlock)) known.add(key, batchOf(walk, from, window));
    return reached;
  };

  /** Kinds of the pages [from, to) of a range. Returns the first pfn whose struct page was not there, or `to`. */
  const readRun = (range: number, from: number, to: number, window: Window): number => {
    const wanted = Math.min(to + 1, memMap.endPfn[range] as number) - from;
    const got = Math.floor(
      readVirtual(space, dump.memory, bytes.subarray(0, wanted * size), addressOf(range, from)) / size,
    );
    const { startPfn, kinds } = window;
    const count = Math.min(got, to - from);
    for (let i = 0; i < count; i++) {
      const pfn = from + i;
      const at = i * size;
      if (onMemoryError !== undefined && reader.hasMemoryError(pages, at)) onMemoryError(pfn);
      if (pfn < walk.covered) {
        kinds[pfn - startPfn] = walk.coveredKind;
        continue;
      }
      if (reader.isTail(pages, at)) {
        // The order of its head is not known.
        if (i === 0) walk.needs.before = true;
        kinds[pfn - startPfn] = pfn > startPfn ? (kinds[pfn - startPfn - 1] as number) : walk.coveredKind;
        continue;
      }
      const hasNext = i + 1 < got;
      const facts = reader.factsAt(pages, at, hasNext);
      let kind = kindOf(facts);
      if (kind === KIND.unreferenced) {
        const listed = isListed(memory, layout, pages, at, addressOf(range, pfn));
        if (walk.needs.before || hasLinks(memory, layout, pages, at)) walk.needs.before = true;
        else if (walk.first.pfn < from) walk.needs.noBlock = true;
        kind = listed ? KIND["pcp-free"] : kindBehind(walk.first, pfn, listed);
        if (listed) walk.first = { pfn, kind };
      } else {
        walk.first = { pfn, kind };
      }
      kinds[pfn - startPfn] = kind;
      walk.covered = pfn + reader.pagesOf(pages, at, facts, pfn, hasNext);
      walk.coveredKind = kind;
    }
    return from + count;
  };

  return {
    read(startPfn, endPfn, kinds) {
      const window: Window = { startPfn, kinds };
      kinds.fill(KIND["no-struct-page"], 0, endPfn - startPfn);
      for (let range = 0; range < memMap.count; range++) {
        let pfn = Math.max(memMap.startPfn[range] as number, startPfn);
        const end = Math.min(memMap.endPfn[range] as number, endPfn);
        while (pfn < end) {
          const to = Math.min(end, pfn + BATCH);
          const reached = readBatch(range, pfn, to, window);
          pfn = reached;
          if (reached < to) {
            // The array has a hole here: go on behind the page of memory in which it is.
            pfn = Math.min(reached + structPagesInHole(addressOf(range, reached), dump.pageSize, size), end);
            kinds.fill(KIND.unreadable, reached - startPfn, pfn - startPfn);
          }
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
  /**
   * What the kinds of the current batch depend on, beside its bytes: anything else, or that no block of kernel pages
   * reaches into it.
   */
  needs: { before: boolean; noBlock: boolean };
}

/** The pages from `from` on are like those of a batch that was read before. */
function repeat(walk: Walk, { kinds, covered, coveredKind, first }: KnownBatch, from: number, window: Window): void {
  window.kinds.set(kinds, from - window.startPfn);
  walk.covered = from + covered;
  walk.coveredKind = coveredKind;
  if (first !== undefined) walk.first = { pfn: from + first.at, kind: first.kind };
}

/** Whether the kinds of the batch that ends at `to` hold wherever its bytes are. */
function isClosed({ covered, needs }: Walk, to: number, noBlock: boolean): boolean {
  return covered <= to && !needs.before && (noBlock || !needs.noBlock);
}

/** What was read of the batch from `from` on. */
function batchOf({ covered, coveredKind, first, needs }: Walk, from: number, { startPfn, kinds }: Window): KnownBatch {
  const at = from - startPfn;
  return {
    ...{ kinds: kinds.slice(at, at + BATCH), covered: covered - from, coveredKind, needsNoBlock: needs.noBlock },
    first: first.pfn < from ? undefined : { at: first.pfn - from, kind: first.kind },
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

/** Whether the kinds of pages from `pfn` on may depend on this page before them (`kindBehind`). */
function mayBeInBlock(first: First, pfn: number): boolean {
  if (pfn - first.pfn >= MOST_BLOCK) return false;
  return first.kind === KIND["pcp-free"] || first.kind === KIND.kernel || first.kind === KIND["page-table"];
}

/** The most pages that a kernel allocates at once. */
const MOST_BLOCK = 2 ** 20;

/** Whether `isListed` looks beyond the struct page itself. */
function hasLinks(
  memory: KernelMemory,
  { offset: { lru }, wordSize, littleEndian }: PageLayout,
  pages: DataView,
  at: number,
): boolean {
  if (lru === undefined) return false;
  const isLink = (offset: number) => memory.isKernelAddress(wordAt(pages, offset, wordSize, littleEndian));
  return isLink(at + lru) && isLink(at + lru + wordSize);
}

/**
 * Whether a page is an element of a list: both neighbours of its `lru` point back to it. A page without references or
 * marks that is in a list waits on a CPU's free list (pcp_list shares its place with lru). Old pointers that such a
 * list has left behind do not fit together. `undefined` if a neighbour cannot be read. Reads two words.
 */
function isListed(
  memory: KernelMemory,
  { offset: { lru }, wordSize, littleEndian }: PageLayout,
  pages: DataView,
  at: number,
  address: bigint,
): boolean | undefined {
  if (lru === undefined) return undefined;
  const pointer = (offset: number) => wordAt(pages, offset, wordSize, littleEndian);
  const next = pointer(at + lru);
  const previous = pointer(at + lru + wordSize);
  const self = address + BigInt(lru);
  if (next === self || !memory.isKernelAddress(next) || !memory.isKernelAddress(previous)) return false;
  const back = memory.readWord(next + BigInt(wordSize));
  const forth = memory.readWord(previous);
  // One neighbour that points elsewhere is enough to know that it is not listed.
  if ((back !== undefined && back !== self) || (forth !== undefined && forth !== self)) return false;
  return back === undefined || forth === undefined ? undefined : true;
}
