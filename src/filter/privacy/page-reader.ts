import { type AddressSpace, readVirtual } from "../../kernel/address-space.js";
import type { MemMap } from "../../kernel/mem-map.js";
import type { PageLayout } from "../../kernel/page-layout.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";

/** What single struct pages say: for the few pages that are asked about one by one. */
export interface StructPageReader {
  /** Whether the page is the slab allocator's, or was never given out: what the kernel has there is its own. */
  isKernelData(pfn: number): boolean;
  /** The struct page; `undefined` if there is none or the dump does not have it. The view is used again. */
  read(pfn: number): DataView | undefined;
}

export function structPageReader(
  space: AddressSpace,
  memory: PhysicalMemory,
  memMap: MemMap,
  layout: PageLayout,
  reservedBit: number,
): StructPageReader {
  const { offset, bit, type, littleEndian, wordSize, size } = layout;
  const view = new DataView(new ArrayBuffer(size));
  const bytes = new Uint8Array(view.buffer);
  const low = wordSize === 8 && !littleEndian ? 4 : 0;
  const flags = (at: number) => view.getUint32(at + offset.flags + low, littleEndian);
  const own = ((bit.slab === undefined ? 0 : 1 << bit.slab) | (1 << reservedBit)) >>> 0;
  const addressOf = (pfn: number): bigint | undefined => {
    for (let i = 0; i < memMap.count; i++) {
      const start = memMap.startPfn[i] as number;
      if (pfn >= start && pfn < (memMap.endPfn[i] as number)) {
        return (memMap.address[i] as bigint) + BigInt(pfn - start) * BigInt(size);
      }
    }
    return undefined;
  };
  const load = (address: bigint): boolean => readVirtual(space, memory, bytes, address) === size;
  const read = (pfn: number): DataView | undefined => {
    const address = addressOf(pfn);
    return address !== undefined && load(address) ? view : undefined;
  };
  return {
    read,
    isKernelData(pfn) {
      if (read(pfn) === undefined) return false;
      if (offset.compoundHead !== undefined) {
        const head =
          wordSize === 8
            ? view.getBigUint64(offset.compoundHead, littleEndian)
            : BigInt(view.getUint32(offset.compoundHead, littleEndian));
        // 7.1 and later may have a mask there instead of an address: then nothing is read, and the answer is no.
        if ((head & 1n) !== 0n && !load(head - 1n)) return false;
      }
      if ((flags(0) & own) !== 0) return true;
      return (
        type.slab !== undefined &&
        offset.mapcount !== undefined &&
        view.getUint32(offset.mapcount, littleEndian) === type.slab
      );
    },
  };
}
