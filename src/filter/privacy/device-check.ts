import type { PageLayout } from "../../kernel/page/page-layout.js";
import { type PageBitmap, testBit } from "../../reader/bitmap.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import { firstIndex } from "../../sorted.js";
import { DEVICE, KEPT_RESERVED } from "../page-classes.js";

/** A classified batch, like `ClassifiedBatch`, and the kernel's address of the struct page of page `from`. */
export interface AddressedBatch {
  readonly firstPfn: number;
  readonly from: number;
  readonly to: number;
  readonly pages: Uint8Array;
  readonly classes: Uint8Array;
  readonly address: bigint;
}

const WORD = 2 ** 32;
/** SECTION_INFO, MIX_SECTION_INFO, NODE_INFO (2.6.28 to 4.8, with memory hotplug). */
const BOOTMEM = { first: 12, last: 14 };

/**
 * Drops pages that are kept only because of `PG_reserved`, although they are in use by others: memory of devices
 * (ZONE_DEVICE: persistent memory with users' files), pages that a driver marked, images for kexec, and memory that the
 * kernel never had: kept from it on its command line (memmap=) or by firmware, for a driver, another system, a program.
 *
 * The kernel initialises a struct page with an empty list (`lru`, which then points to itself), and for reserved memory
 * that never changes. Pages of ZONE_DEVICE have a pointer to their `struct dev_pagemap` there (4.x to 7.x), and pages
 * that the page allocator gave out have been on its lists: their pointers say that they were removed; newer kernels set the
 * first to 0, and the second says it. Works without symbols or types, and for any width of the zone number in the flags.
 * If both are 0, nothing is decided; nor, without the offset of `lru` in VMCOREINFO, for any page.
 *
 * Up to 4.8 the kernel wrote a small number into the first pointer of its struct pages, their page tables and sections
 * (get_page_bootmem): they count as never given out.
 *
 * What the kernel never had is not in its direct map: `linear` has the memory that is, if the page tables show it. Pages
 * of `known` stay: struct pages, page tables, stacks.
 */
export function createDeviceCheck(
  { offset, size, wordSize, littleEndian }: PageLayout,
  linear?: readonly PfnRange[],
  known?: PageBitmap,
): (batch: AddressedBatch) => void {
  const lru = offset.lru;
  const [low, high] = littleEndian || wordSize === 4 ? [0, 4] : [4, 0];
  return (batch) => {
    const { firstPfn, from, to, pages, classes, address } = batch;
    const isKnown = (pfn: number) => known !== undefined && testBit(known, pfn);
    if (linear !== undefined) dropUnmapped(batch, linear, isKnown);
    if (lru === undefined) return;
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    const first = address + BigInt(lru);
    const [firstLow, firstHigh] = [Number(first & 0xffff_ffffn), Number(first >> 32n)];
    for (let i = nextReserved(classes, from, to); i < to; i = nextReserved(classes, i + 1, to)) {
      const at = i * size + lru;
      const next = view.getUint32(at + low, littleEndian);
      const upper = wordSize === 4 ? 0 : view.getUint32(at + high, littleEndian);
      const own = firstLow + (i - from) * size;
      const isOwn = next === own % WORD && (wordSize === 4 || upper === firstHigh + Math.floor(own / WORD));
      const isBootmem = upper === 0 && next >= BOOTMEM.first && next <= BOOTMEM.last;
      const isUsed = next !== 0 || upper !== 0 || view.getUint32(at + wordSize + low, littleEndian) !== 0;
      if (!isOwn && isUsed && !isBootmem && !isKnown(firstPfn + i)) classes[i] = DEVICE;
    }
  };
}

/** The next page of that class in [from, to), or `to`. */
function nextReserved(classes: Uint8Array, from: number, to: number): number {
  const found = classes.indexOf(KEPT_RESERVED, from);
  return found < 0 ? to : Math.min(found, to);
}

function dropUnmapped(
  { firstPfn, from, to, classes }: AddressedBatch,
  linear: readonly PfnRange[],
  isKnown: (pfn: number) => boolean,
): void {
  let pfn = firstPfn + from;
  const end = firstPfn + to;
  let next = firstIndex(linear.length, (i) => (linear[i] as PfnRange).endPfn > pfn);
  for (; pfn < end; next++) {
    const range = linear[next];
    const start = Math.min(range?.startPfn ?? end, end);
    const last = start - firstPfn;
    for (let i = nextReserved(classes, pfn - firstPfn, last); i < last; i = nextReserved(classes, i + 1, last)) {
      if (!isKnown(firstPfn + i)) classes[i] = DEVICE;
    }
    pfn = Math.max(pfn, range?.endPfn ?? end);
  }
}
