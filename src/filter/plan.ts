import { clearBits, countBits, sharedBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { fillBitmaps } from "../reader/open.js";
import type { KernelView } from "./kernel-view.js";
import { PAGE_CLASSES } from "./page-classes.js";

/**
 * What is done with each page. Two bitmaps of shared memory: 64 MiB per TiB of 4 KiB pages, the one thing in memory
 * that grows with the dump.
 */
export interface PagePlan {
  /** One more than the highest pfn. */
  readonly maxMapnr: number;
  /** Pages that are memory. */
  readonly exists: Uint8Array;
  /** Pages that go into the output. Pass 1 clears bits. */
  readonly kept: Uint8Array;
  /** Pages that the input has. */
  readonly inputPages: number;
  /** Pages of the input beyond the last one with a struct page: firmware, not RAM. */
  readonly beyondMemMap: number;
  /** Pages dropped so far, per class number. */
  readonly dropped: number[];
}

/** The plan before any page is dropped. */
export function initialPlan(dump: Dump, view: KernelView | undefined): PagePlan {
  const maxMapnr = view?.maxMapnr ?? dump.maxMapnr;
  const exists = sharedBitmap(dump.maxMapnr);
  const kept = sharedBitmap(dump.maxMapnr);
  fillBitmaps(dump.image, { exists, data: kept });
  const inputPages = countBits(kept, 0, dump.maxMapnr);
  const beyondMemMap = clearBits(kept, maxMapnr, dump.maxMapnr);
  clearBits(exists, maxMapnr, dump.maxMapnr);
  return { maxMapnr, exists, kept, inputPages, beyondMemMap, dropped: PAGE_CLASSES.map(() => 0) };
}
