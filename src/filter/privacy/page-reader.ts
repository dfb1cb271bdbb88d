import { type AddressSpace, readVirtual } from "../../kernel/address-space.js";
import { PIECE, PieceCache } from "../../kernel/kernel-memory.js";
import { type MemMap, structPageAddress } from "../../kernel/page/mem-map.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { pageMarks } from "../../kernel/page/page-marks.js";
import { wordAt } from "../../reader/fields.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";

const LOW_BITS = BigInt(PIECE - 1);

/** Reads single struct pages, for the few pages that are tested one by one. */
export interface StructPageReader {
  /** Whether the page belongs to the slab allocator, or was never allocated: then its content is the kernel's own. */
  isKernelData(pfn: number): boolean;
  /** Whether the page is reserved, and not the slab allocator's: it has not changed since boot. */
  isReserved(pfn: number): boolean;
  /** Whether the page is the tail of a compound one. */
  isTail(pfn: number): boolean;
  /** The struct page; `undefined` if there is none or the dump does not have it. The view is reused. */
  read(pfn: number): DataView | undefined;
}

export function structPageReader(
  space: AddressSpace,
  memory: PhysicalMemory,
  memMap: MemMap,
  layout: PageLayout,
): StructPageReader {
  const { offset, littleEndian, wordSize, size } = layout;
  const { at, mask, type } = pageMarks(layout);
  const view = new DataView(new ArrayBuffer(size));
  const bytes = new Uint8Array(view.buffer);
  const own = mask.slab | mask.reserved;
  // Mostly neighbours follow: a page has 64 struct pages, and a read for each takes 2 us.
  const pieces = new PieceCache(space, memory);
  const load = (address: bigint): boolean => {
    const within = Number(address & LOW_BITS);
    const piece = within + size > PIECE ? undefined : pieces.at(address - BigInt(within));
    if (piece === undefined) return readVirtual(space, memory, bytes, address) === size;
    bytes.set(new Uint8Array(piece.buffer, within, size));
    return true;
  };
  const read = (pfn: number): DataView | undefined => {
    const address = structPageAddress(memMap, size, pfn);
    return address !== undefined && load(address) ? view : undefined;
  };
  return {
    read,
    isReserved(pfn) {
      if (read(pfn) === undefined) return false;
      const flags = view.getUint32(at.flags, littleEndian);
      if ((flags & mask.reserved) === 0 || (flags & mask.slab) !== 0) return false;
      return type.slab === undefined || view.getUint32(at.mapcount, littleEndian) !== type.slab;
    },
    isTail(pfn) {
      const page = mask.tail === 0 ? undefined : read(pfn);
      return page !== undefined && (page.getUint32(at.tail, littleEndian) & mask.tail) !== 0;
    },
    isKernelData(pfn) {
      if (read(pfn) === undefined) return false;
      if (offset.compoundHead !== undefined) {
        const head = wordAt(view, offset.compoundHead, wordSize, littleEndian);
        // 7.1 and later may have a mask there instead of an address: then nothing is read, and the result is false.
        if ((head & 1n) !== 0n && !load(head - 1n)) return false;
      }
      if ((view.getUint32(at.flags, littleEndian) & own) !== 0) return true;
      return view.getUint32(at.mapcount, littleEndian) === type.slab;
    },
  };
}
