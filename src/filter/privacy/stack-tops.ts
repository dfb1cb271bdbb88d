import { findBit, type PageBitmap } from "../../reader/bitmap.js";
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
