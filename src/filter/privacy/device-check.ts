import type { PageLayout } from "../../kernel/page/page-layout.js";
import { DEVICE, KEPT_RESERVED } from "../page-classes.js";

/** A classified batch, like `ClassifiedBatch`, and the kernel's address of the struct page of page `from`. */
export interface AddressedBatch {
  readonly from: number;
  readonly to: number;
  readonly pages: Uint8Array;
  readonly classes: Uint8Array;
  readonly address: bigint;
}

/**
 * Drops pages that are kept only because of `PG_reserved`, although they are in use by others: memory of devices
 * (ZONE_DEVICE: persistent memory with users' files), and pages that a driver marked.
 *
 * The kernel initialises a struct page with an empty list (`lru`, which then points to itself), and for reserved memory
 * that never changes. Pages of ZONE_DEVICE have a pointer to their `struct dev_pagemap` there (4.x to 7.x), and pages
 * that the page allocator gave out have been on its lists. Works without symbols or types, and for any width of the
 * zone number in the flags. If the list is 0, nothing is decided. `undefined` if VMCOREINFO lacks the offset of `lru`.
 */
export function createDeviceCheck({
  offset,
  size,
  wordSize,
  littleEndian,
}: PageLayout): ((batch: AddressedBatch) => void) | undefined {
  const lru = offset.lru;
  if (lru === undefined) return undefined;
  const [low, high] = littleEndian || wordSize === 4 ? [0, 4] : [4, 0];
  return ({ from, to, pages, classes, address }) => {
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
        if (!isOwn && (next !== 0 || upper !== 0)) classes[i] = DEVICE;
      }
      ownLow += size;
      if (ownLow > 0xffff_ffff) {
        ownLow -= 2 ** 32;
        ownHigh++;
      }
    }
  };
}
