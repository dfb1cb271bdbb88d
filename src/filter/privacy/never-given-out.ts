import type { PageLayout } from "../../kernel/page/page-layout.js";
import { DEVICE, KEPT_RESERVED } from "../page-classes.js";

/** A batch that was classified, as `ClassifiedBatch`, and the kernel's address of the struct page of page `from`. */
export interface AddressedBatch {
  readonly from: number;
  readonly to: number;
  readonly pages: Uint8Array;
  readonly classes: Uint8Array;
  readonly address: bigint;
}

/**
 * Takes away what `PG_reserved` alone vouches for although it was given out: memory of devices (ZONE_DEVICE: persistent memory with
 * users' files on it), and pages that a driver marked so.
 *
 * When the kernel makes a struct page it begins with an empty list (`lru`, which then names itself), and reserved memory keeps that for ever. Pages of
 * ZONE_DEVICE name their `struct dev_pagemap` in its place (4.x to 7.x), and what the page allocator gave out has been on its
 * lists. Holds without symbols or types, and however wide the zone's number in the flags is. Where there is neither, 0, nothing is said.
 * `undefined` where VMCOREINFO lacks the offset of `lru`.
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
