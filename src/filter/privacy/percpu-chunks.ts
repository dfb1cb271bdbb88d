import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { wordAt } from "../../reader/fields.js";
import type { StructPageReader } from "./page-reader.js";

/** Bytes of struct pcpu_chunk that contain its base address (mm/percpu-internal.h: with statistics about 200). */
const CHUNK_SIZE = 256;
/** The largest distance of a chunk's pages from its base: units of 2 MiB for 8192 CPUs, and the gaps between nodes. */
const MAX_SPAN = 1n << 38n;

/** Recognises pages of per-CPU memory that was allocated after boot. Memory from boot is reserved. */
export interface PercpuTest {
  /** Whether the page, whose struct page is given and which is mapped at `vaddr`, belongs to a per-CPU chunk. */
  isPercpu(structPage: DataView, vaddr: bigint): boolean;
}

/**
 * Since 2.6.30 the allocator stores in the struct page of each page (index; newer: private) a pointer to the struct
 * pcpu_chunk to which it belongs (pcpu_set_page_chunk). A stale value is not accepted: the chunk must be the kernel's
 * own memory today, and contain the address of a page shortly before `vaddr`.
 */
export function percpuTest(
  kernel: KernelMemory,
  layout: PageLayout,
  pages: StructPageReader,
  pfnOf: (vaddr: bigint) => number | undefined,
  isLinear: (vaddr: bigint) => boolean,
): PercpuTest {
  const { wordSize, littleEndian, offset } = layout;
  const word = (view: DataView, at: number) => wordAt(view, at, wordSize, littleEndian);
  const places = [offset.index, offset.private].filter((at) => at !== undefined);
  const pageMask = BigInt(kernel.pageSize - 1);
  /** Page-aligned kernel addresses in a chunk; empty if it is not a chunk. */
  const known = new Map<bigint, readonly bigint[]>();
  const chunkAddresses = (chunk: bigint): readonly bigint[] => {
    let found = known.get(chunk);
    if (found === undefined) {
      const pfn = pfnOf(chunk);
      const view = pfn !== undefined && pages.isKernelData(pfn) ? kernel.readView(chunk, CHUNK_SIZE) : undefined;
      found = [];
      if (view !== undefined) {
        const words = Array.from({ length: CHUNK_SIZE / wordSize }, (_, i) => word(view, i * wordSize));
        // A process's top page table has the address of its mm_struct in the same place, and that contains the address
        // of the table: in the direct map.
        found = words.filter(
          (value) => value !== 0n && (value & pageMask) === 0n && kernel.isKernelAddress(value) && !isLinear(value),
        );
      }
      if (known.size > 4096) known.clear();
      known.set(chunk, found);
    }
    return found;
  };
  return {
    isPercpu(structPage, vaddr) {
      const chunks = places.map((at) => word(structPage, at as number));
      return chunks.some(
        (chunk) =>
          chunk !== 0n &&
          chunk % BigInt(wordSize) === 0n &&
          kernel.isKernelAddress(chunk) &&
          chunkAddresses(chunk).some((base) => base <= vaddr && vaddr - base < MAX_SPAN),
      );
    },
  };
}
