import type { PageLayout } from "../../kernel/page/page-layout.js";
import { firstIndex } from "../../sorted.js";
import { DEVICE, KEPT_RESERVED } from "../page-classes.js";
import type { LinearRange } from "./linear-memory.js";

/** A classified batch, like `ClassifiedBatch`, and the kernel's address of the struct page of page `from`. */
export interface AddressedBatch {
  readonly firstPfn: number;
  readonly from: number;
  readonly to: number;
  readonly pages: Uint8Array;
  readonly classes: Uint8Array;
  readonly address: bigint;
}

/**
 * Drops pages that are kept only because of `PG_reserved`, although they are in use by others: memory of devices
 * (ZONE_DEVICE: persistent memory with users' files), pages that a driver marked, images for kexec, and memory that the
 * kernel never had: kept from it on its command line (memmap=) or by firmware, for a driver, another system, a program.
 *
 * The kernel initialises a struct page with an empty list (`lru`, which then points to itself), and for reserved memory
 * that never changes. Pages of ZONE_DEVICE have a pointer to their `struct dev_pagemap` there (4.x to 7.x), and pages
 * that the page allocator gave out have been on its lists; of those it sets the first pointer to 0 (4.2 and later), and the
 * second says that they were removed. Works without symbols or types, and for any width of the zone number in the flags.
 * If both are 0, nothing is decided; nor, without the offset of `lru` in VMCOREINFO, for any page.
 *
 * What the kernel never had is not in its direct map: `linear` has the memory that is, if the page tables show it.
 */
export function createDeviceCheck(
  { offset, size, wordSize, littleEndian }: PageLayout,
  linear?: readonly LinearRange[],
): (batch: AddressedBatch) => void {
  const lru = offset.lru;
  const [low, high] = littleEndian || wordSize === 4 ? [0, 4] : [4, 0];
  return (batch) => {
    const { from, to, pages, classes, address } = batch;
    if (linear !== undefined) dropUnmapped(batch, linear);
    if (lru === undefined) return;
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    const first = address + BigInt(lru);
    let ownLow = Number(first & 0xffff_ffffn);
    let ownHigh = Number(first >> 32n);
    for (let i = from; i < to; i++) {
      if (classes[i] === KEPT_RESERVED) {
        const at = i * size + lru;
        const next = view.getUint32(at + low, littleEndian);
        const upper = wordSize === 4 ? 0 : view.getUint32(at + high, littleEndian);
        const isOwn = next === ownLow && (wordSize === 4 || upper === ownHigh);
        const isUsed = next !== 0 || upper !== 0 || view.getUint32(at + wordSize + low, littleEndian) !== 0;
        if (!isOwn && isUsed) classes[i] = DEVICE;
      }
      ownLow += size;
      if (ownLow > 0xffff_ffff) {
        ownLow -= 2 ** 32;
        ownHigh++;
      }
    }
  };
}

function dropUnmapped({ firstPfn, from, to, classes }: AddressedBatch, linear: readonly LinearRange[]): void {
  let pfn = firstPfn + from;
  const end = firstPfn + to;
  let next = firstIndex(linear.length, (i) => (linear[i] as LinearRange).endPfn > pfn);
  for (; pfn < end; next++) {
    const range = linear[next];
    const start = Math.min(range?.startPfn ?? end, end);
    for (; pfn < start; pfn++) if (classes[pfn - firstPfn] === KEPT_RESERVED) classes[pfn - firstPfn] = DEVICE;
    pfn = Math.max(pfn, range?.endPfn ?? end);
  }
}
