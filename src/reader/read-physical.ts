import { DumpError } from "../errors.js";
import { aDump, aNumber, checkArgument } from "../option-shape.js";
import type { Dump } from "./dump.js";

/** A larger length is a mistake; the memory for it would be allocated first. */
const MOST_BYTES = 1 << 30;

/**
 * Physical memory from address `paddr` on: `length` bytes, or fewer, up to the first one that the dump does not have;
 * an empty array if it has none. `dump.memory` does the same with an array of the caller's. Throws `BAD_OPTION` for an
 * address or a length that is not valid (1 GiB at most), `CORRUPT` and `CODEC_MISSING` for pages that cannot be
 * decoded.
 */
export function readPhysical(dump: Dump, paddr: number, length: number): Uint8Array {
  checkArgument("dump", dump, aDump);
  checkArgument("paddr", paddr, aNumber);
  checkArgument("length", length, aNumber);
  if (!Number.isSafeInteger(paddr) || paddr < 0) {
    throw new DumpError("BAD_OPTION", `${paddr} is not a physical address`, {
      cure: "Give a whole number, 0 or more",
    });
  }
  checkLength(length);
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, dump.memory.read(bytes, paddr));
}

/** Throws `BAD_OPTION` for a length that is not valid. */
export function checkLength(length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= MOST_BYTES) return;
  throw new DumpError("BAD_OPTION", `${length} bytes cannot be read at once`, {
    cure: `Lengths are whole numbers from 0 to ${MOST_BYTES}`,
  });
}
