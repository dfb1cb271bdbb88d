import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { wordAt } from "../../reader/fields.js";
import type { StructPageReader } from "./page-reader.js";

/** Bytes of struct pcpu_chunk in which its base address is (mm/percpu-internal.h: with statistics some 200). */
const CHUNK_SIZE = 256;
/** Farthest that a chunk's pages lie behind its base: units of 2 MiB for 8192 CPUs, and the gaps between nodes. */
const MAX_SPAN = 1n << 38n;

/** Tells pages of per-CPU memory that was allocated after boot. What is there at boot is reserved. */
export interface PercpuTeller {
  /** Whether the page, whose struct page is given and which is mapped at `vaddr`, belongs to a per-CPU chunk. */
  isPercpu(structPage: DataView, vaddr: bigint): boolean;
}

/**
 * Since 2.6.30 the allocator notes in the struct page of each page (index; newer: private) to which struct pcpu_chunk it
 * belongs (pcpu_set_page_chunk). A stale value of a page's earlier life does not pass: the chunk has to be the kernel's
 * own memory today, and to hold the address of a page shortly before `vaddr`.
 */
export function percpuTeller(
  kernel: KernelMemory,
  layout: PageLayout,
  pages: StructPageReader,
  pfnOf: (vaddr: bigint) => number | undefined,
  isLinear: (vaddr: bigint) => boolean,
): PercpuTeller {
  const { wordSize, littleEndian, offset } = layout;
  const word = (view: DataView, at: number) => wordAt(view, at, wordSize, littleEndian);
  const places = [offset.index, offset.private].filter((at) => at !== undefined);
  const pageMask = BigInt(kernel.pageSize - 1);
  /** Page-aligned kernel addresses in a chunk; empty for what is none. */
  const known = new Map<bigint, readonly bigint[]>();
  const chunkAddresses = (chunk: bigint): readonly bigint[] => {
    let found = known.get(chunk);
    if (found === undefined) {
      const pfn = pfnOf(chunk);
      const view = pfn !== undefined && pages.isKernelData(pfn) ? kernel.readView(chunk, CHUNK_SIZE) : undefined;
      found = [];
      if (view !== undefined) {
        const words = Array.from({ length: CHUNK_SIZE / wordSize }, (_, i) => word(view, i * wordSize));
        // A process's top page table names its mm_struct in the same place, and that names the table: in the direct map.
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
