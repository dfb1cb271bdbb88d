import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { MemMap } from "../../kernel/page/mem-map.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { type PageMarks, pageMarks } from "../../kernel/page/page-marks.js";
import {
  type FreeList,
  freeListsOf,
  structPageFinder,
  type ZoneShape,
  zoneAddresses,
  zoneShape,
} from "../../kernel/zones.js";
import { wordAt } from "../../reader/fields.js";
import type { Share } from "./share.js";

/** Whether the first blocks on the kernel's own free lists agree with the facts about free pages. */
export interface FreeBlockEvidence {
  /**
   * The block's address is that of a struct page, and its order divides the pfn: shows that SIZE(page) and the memory
   * map are right.
   */
  readonly placed: Share;
  /** Its struct page has the mark of a free page and the order of the list. */
  readonly marked: Share;
  /** Its struct page has none of the flags that the kernel clears when it frees a page. */
  readonly clean: Share;
}

/** Blocks that are checked per zone, which has about 55 lists: those of the largest blocks, which change least. */
const MOST = 8;

/**
 * Checks the first block of each free list. The lists and the marks both say which pages are free, and a filter run
 * uses only the marks: if the two agree, the marks are read correctly. `undefined` if VMCOREINFO does not lead to the
 * lists. Costs three reads per zone and two per block.
 */
export function freeBlockEvidence(
  kernel: KernelMemory,
  memMap: MemMap,
  layout: PageLayout,
): FreeBlockEvidence | undefined {
  const shape = zoneShape(kernel);
  if (shape === undefined) return undefined;
  const pfnOf = structPageFinder(memMap, layout.size);
  const marks = pageMarks(layout);
  let [cases, inMap, placed, marked, clean] = [0, 0, 0, 0, 0];
  for (const zone of zoneAddresses(kernel, shape)) {
    for (const { page, order } of firstBlocks(kernel, shape, zone)) {
      const bytes = kernel.readView(page, layout.size);
      if (bytes === undefined) continue;
      cases++;
      // A dump of a part of memory does not have the whole map.
      if (isInside(memMap, layout.size, page)) {
        const pfn = pfnOf(page);
        inMap++;
        if (pfn !== undefined && pfn % 2 ** order === 0) placed++;
      }
      if (isMarked(layout, marks, bytes, order)) marked++;
      if ((bytes.getUint32(marks.at.flags, layout.littleEndian) & clearedFlags(marks)) === 0) clean++;
    }
  }
  return {
    placed: { rule: "blocks on free lists are where the memory map has one", cases: inMap, right: placed },
    marked: { rule: "blocks on free lists bear the mark of free pages", cases, right: marked },
    clean: { rule: "blocks on free lists have no page flags", cases, right: clean },
  };
}

function isInside({ count, startPfn, endPfn, address }: MemMap, size: number, page: bigint): boolean {
  for (let i = 0; i < count; i++) {
    const first = address[i] as bigint;
    const pages = (endPfn[i] as number) - (startPfn[i] as number);
    if (page >= first && page < first + BigInt(pages * size)) return true;
  }
  return false;
}

/** Struct pages of the first blocks on a zone's lists. Skips entries that do not point back to the list. */
function* firstBlocks(
  kernel: KernelMemory,
  shape: ZoneShape,
  zone: bigint,
): Generator<{ readonly page: bigint; readonly order: number }> {
  const areas = kernel.readView(zone + BigInt(shape.freeArea), shape.orders * shape.freeAreaSize);
  if (areas === undefined) return;
  let found = 0;
  for (const { order, head } of [...freeListsOf(zone, shape)].reverse()) {
    const entry = firstEntry(kernel, areas, Number(head - zone) - shape.freeArea + shape.next, head);
    if (entry === undefined || kernel.readWord(entry + BigInt(shape.prev)) !== head) continue;
    yield { page: entry - BigInt(shape.lru), order };
    if (++found === MOST) return;
  }
}

function firstEntry(kernel: KernelMemory, areas: DataView, at: number, head: FreeList["head"]): bigint | undefined {
  if (at < 0 || at + kernel.wordSize > areas.byteLength) return undefined;
  const entry = unsignedLong(areas, at, kernel);
  return entry === head || !kernel.isKernelAddress(entry) ? undefined : entry;
}

function isMarked(layout: PageLayout, { at, mask, type }: PageMarks, bytes: DataView, order: number): boolean {
  const { offset, littleEndian } = layout;
  const byType = bytes.getUint32(at.mapcount, littleEndian) === type.buddy;
  const byFlag = (bytes.getUint32(at.flags, littleEndian) & mask.buddy) !== 0;
  if (!(byType || byFlag) || offset.private === undefined) return false;
  return unsignedLong(bytes, offset.private, layout) === BigInt(order);
}

function unsignedLong(bytes: DataView, at: number, { wordSize, littleEndian }: KernelMemory | PageLayout): bigint {
  return wordAt(bytes, at, wordSize, littleEndian);
}

/** The known flags that no free page has: all but those of memory errors and of pages that were never used. */
function clearedFlags({ mask }: PageMarks): number {
  return mask.lru | mask.private | mask.swapcache | mask.swapbacked | mask.slab | mask.head;
}
