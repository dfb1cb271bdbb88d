import type { Dump } from "../reader/dump.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import type { AddressSpace } from "./address-space.js";
import { START_KERNEL_MAP } from "./arch/x86_64.js";
import { directEnd, fixedDirectMap } from "./direct-map.js";
import { attachSpace, type KernelView } from "./kernel-view.js";

/** Where the kernel maps memory: what debuggers without knowledge of page tables read from program headers. */
export interface VirtualLayout {
  /** Virtual address of physical address 0 in the direct map. */
  readonly directMap: bigint;
  /** Where the direct map of a range of memory ends: on 32-bit machines not all memory is mapped. */
  directEnd(range: PhysicalRange): number;
  /** The kernel's image: physical range and virtual start. */
  readonly kernel: { readonly start: number; readonly end: number; readonly vaddr: bigint } | undefined;
}

const GIB = 1n << 30n;
/**
 * Where the direct map may begin and what its random base is a multiple of (kernel_randomize_memory in
 * arch/x86/mm/kaslr.c): 1 GiB with 4 levels, 512 GiB with 5.
 */
const SEARCH = {
  4: { first: 0xffff_8800_0000_0000n, last: 0xffff_c800_0000_0000n, step: GIB },
  5: { first: 0xff10_0000_0000_0000n, last: 0xff90_0000_0000_0000n, step: 512n * GIB },
} as const;

/**
 * Finds the direct map: of an x86-64 kernel in its page tables (the base is no exported number, and random since 4.8), of
 * others where their kernels have it. Returns `undefined` when memory is not mapped there.
 */
export function virtualLayout(dump: Dump, view: KernelView): VirtualLayout | undefined {
  const { space: image } = view;
  const space = attachSpace(image, dump.memory);
  if (image.arch !== "x86_64") {
    const directMap = fixedDirectMap(dump, view, space);
    if (directMap === undefined) return undefined;
    return { directMap, directEnd: (range) => directEnd(space, directMap, range, dump), kernel: undefined };
  }
  const directMap = findDirectMap(dump, image.levels, space);
  if (directMap === undefined) return undefined;
  return { directMap, directEnd: ({ end }) => end, kernel: kernelImage(dump, view, space) };
}

function findDirectMap(dump: Dump, levels: 4 | 5, space: AddressSpace): bigint | undefined {
  // RAM that the direct map surely has: the first bytes of the largest range.
  const largest = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  if (largest === undefined) return undefined;
  const page = Math.ceil(largest.start / dump.pageSize) * dump.pageSize;
  const probe = Math.min(Math.max(page, 1 << 20), largest.end - dump.pageSize);
  const { first, last, step } = SEARCH[levels];
  for (let base: bigint = first; base < last; base += step) {
    if (space.translate(base + BigInt(probe))?.paddr === probe) return base;
  }
  return undefined;
}

function kernelImage(dump: Dump, view: KernelView, space: AddressSpace): VirtualLayout["kernel"] {
  const stext = dump.vmcoreinfo?.symbol("_stext");
  if (stext === undefined) return undefined;
  const large = 1n << 21n;
  const vaddr = stext - (stext % large);
  const start = Number(BigInt.asIntN(64, vaddr - START_KERNEL_MAP) + view.physBase);
  let end = start;
  const limit = start + Number(dump.vmcoreinfo?.number("KERNEL_IMAGE_SIZE") ?? GIB / 2n);
  while (end < limit) {
    const found = space.translate(vaddr + BigInt(end - start));
    if (found === undefined || found.paddr !== end) break;
    end += found.length;
  }
  return end > start ? { start, end, vaddr } : undefined;
}
