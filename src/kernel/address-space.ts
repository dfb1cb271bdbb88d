import type { PhysicalMemory } from "../reader/physical-memory.js";
import type { PageTables } from "./arch/table-shape.js";

/** Where a kernel virtual address lies in physical memory. */
export interface Translation {
  /** Physical address in bytes. */
  readonly paddr: number;
  /** Bytes from there on that are physically contiguous for sure. */
  readonly length: number;
}

/** Kernel virtual to physical addresses of one dump. */
export interface AddressSpace {
  /** `undefined` for addresses that are not mapped, and for those whose page tables the dump does not have. */
  translate(vaddr: bigint): Translation | undefined;
  /** The page tables it walks; absent where all of it is at fixed places. */
  readonly tables?: PageTables;
}

/**
 * Copies kernel virtual memory from `vaddr` on into `into`. Returns how many bytes there were before the first one
 * that is not mapped or not in the dump. A page that is mapped several times in a row is read once: kernels map those
 * of the struct pages of huge pages so.
 */
export function readVirtual(space: AddressSpace, memory: PhysicalMemory, into: Uint8Array, vaddr: bigint): number {
  let done = 0;
  let last = { paddr: -1, from: 0, bytes: 0 };
  while (done < into.length) {
    const found = space.translate(vaddr + BigInt(done));
    if (found === undefined) return done;
    const n = Math.min(found.length, into.length - done);
    if (found.paddr === last.paddr && n <= last.bytes) {
      into.copyWithin(done, last.from, last.from + n);
      done += n;
      continue;
    }
    const got = memory.read(into.subarray(done, done + n), found.paddr);
    last = { paddr: found.paddr, from: done, bytes: got };
    done += got;
    if (got < n) return done;
  }
  return done;
}
