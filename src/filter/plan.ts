import type { KernelView } from "../kernel/kernel-view.js";
import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import { clearBits, copyOfBitmap, countBits, type PageBitmap, sharedBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { factsOf } from "../reader/machine.js";
import { CLASS_NUMBERS } from "./page-classes.js";

/**
 * What is done with each page. The two bitmaps in shared memory take 64 MiB per TiB of existing 4 KiB pages: nothing
 * else in memory grows with the dump.
 */
export interface PagePlan {
  /** The highest pfn plus one. */
  readonly maxMapnr: number;
  /** The machine has no pages below this pfn. A multiple of 8; see `firstPfnOf`. */
  readonly firstPfn: number;
  /** Pages that are memory. */
  readonly exists: PageBitmap;
  /** Pages that are written to the output. Pass 1 clears bits. */
  readonly kept: PageBitmap;
  /** Pages that the input has. */
  readonly inputPages: number;
  /** Pages of the input for which the kernel has no struct pages: firmware, not RAM. */
  readonly beyondMemMap: number;
  /** Pages dropped so far, per class number. */
  readonly dropped: number[];
}

/** The plan before any page was dropped. */
export function initialPlan(dump: Dump, view: KernelView | undefined): PagePlan {
  const maxMapnr = view?.maxMapnr ?? dump.maxMapnr;
  const stretches = stretchesOf(dump.image);
  const exists = sharedBitmap(stretches);
  const kept = sharedBitmap(stretches);
  fillBitmaps(dump.image, { exists, data: kept });
  const inputPages = countBits(kept, 0, dump.maxMapnr);
  const firstPfn = firstPfnOf(dump, view);
  const beyondMemMap = clearBits(kept, maxMapnr, dump.maxMapnr) + clearBits(kept, 0, firstPfn);
  clearBits(exists, maxMapnr, dump.maxMapnr);
  clearBits(exists, 0, firstPfn);
  return {
    maxMapnr,
    firstPfn,
    exists,
    kept,
    inputPages,
    beyondMemMap,
    dropped: new Array<number>(CLASS_NUMBERS).fill(0),
  };
}

/** Restores all pages that were dropped since `initialPlan`. */
export function resetPlan(dump: Dump, plan: PagePlan): void {
  fillBitmaps(dump.image, { exists: plan.exists, data: plan.kept });
  for (const bitmap of [plan.exists, plan.kept]) {
    clearBits(bitmap, plan.maxMapnr, dump.maxMapnr);
    clearBits(bitmap, 0, plan.firstPfn);
  }
  plan.dropped.fill(0);
}

/** The pages that exist but are not in the output, as a separate bitmap. */
export function withoutData({ exists, kept }: Pick<PagePlan, "exists" | "kept">): PageBitmap {
  const gone = copyOfBitmap(exists);
  for (let i = 0; i < gone.bytes.length; i++) gone.bytes[i] = (gone.bytes[i] as number) & ~(kept.bytes[i] as number);
  return gone;
}

/** If kdump files count pages from phys_base on, memory below it (flash) has no page number. */
function firstPfnOf(dump: Dump, view: KernelView | undefined): number {
  if (!factsOf(dump.machine.arch).numbersFromPhysBase) return 0;
  const pfn = Number(view?.physBase ?? dump.header.physBase ?? 0n) / dump.pageSize;
  return pfn % 8 === 0 && pfn > 0 && pfn < dump.maxMapnr ? pfn : 0;
}
