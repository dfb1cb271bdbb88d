import { stretchesOf } from "../../reader/attach.js";
import { findBit, type PageBitmap, sharedBitmap, testBit } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import type { PagePlan } from "../plan.js";
import type { ScrubCount } from "./privacy-result.js";
import { type RegisterFrame, userRegisters } from "./register-frame.js";

/**
 * Pages that end with the top of a kernel stack, and the frame that is overwritten there. Plain data for the workers.
 */
export interface StackTops {
  /** One bit per pfn, in shared memory. Workers set the bits of stacks that they find. */
  readonly pages: PageBitmap;
  readonly frame: RegisterFrame;
}

/** Overwrites the user registers with zeros in a run of pages that begins with `pfn`. Costs testing the pages' bits. */
export function clearStackTops({ pages, frame }: StackTops, bytes: Uint8Array, pfn: number, pageSize: number): void {
  const end = pfn + bytes.length / pageSize;
  for (let top = findBit(pages, pfn, end, true); top < end; top = findBit(pages, top + 1, end, true)) {
    const at = (top - pfn) * pageSize;
    const page = new DataView(bytes.buffer, bytes.byteOffset + at, pageSize);
    for (const [from, to] of userRegisters(page, frame)) bytes.fill(0, at + from, at + to);
  }
}

/** A bitmap for the last pages of stacks, and the frame of registers there, if it is known. */
export function stackTopsOf(dump: Dump, frame: RegisterFrame | undefined): StackTops | undefined {
  return frame && { pages: sharedBitmap(stretchesOf(dump.image)), frame };
}

/** Counts stacks with users' registers among the kept ones. */
export function countTops(
  dump: Dump,
  { pages, frame }: StackTops,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
): ScrubCount {
  const page = new Uint8Array(dump.pageSize);
  const view = new DataView(page.buffer);
  let objects = 0;
  let bytes = 0;
  for (let pfn = findBit(pages, 0, maxMapnr, true); pfn < maxMapnr; pfn = findBit(pages, pfn + 1, maxMapnr, true)) {
    if (!testBit(kept, pfn) || dump.memory.read(page, pfn * dump.pageSize) < page.length) continue;
    const pieces = userRegisters(view, frame);
    if (pieces.length > 0) objects++;
    for (const [from, to] of pieces) bytes += to - from;
  }
  return { objects, bytes };
}
