import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { MappedImage, MappedKernel, ModuleRange } from "../arch-support.js";
import { START_KERNEL_MAP, type X86_64Space } from "./space.js";

const GIB = 1n << 30n;
/**
 * Where the direct map may begin and what its random base is a multiple of (kernel_randomize_memory in
 * arch/x86/mm/kaslr.c): 1 GiB with 4 levels, 512 GiB with 5.
 */
const SEARCH = {
  4: { first: 0xffff_8800_0000_0000n, last: 0xffff_c800_0000_0000n, step: GIB },
  5: { first: 0xff10_0000_0000_0000n, last: 0xff90_0000_0000_0000n, step: 512n * GIB },
} as const;

/** Finds the direct map in the page tables: its base is no exported number, and random since 4.8. */
export function x86_64DirectMap({ dump, image, space }: MappedKernel<X86_64Space>): bigint | undefined {
  // RAM that the direct map surely has: the first bytes of the largest range.
  const largest = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  if (largest === undefined) return undefined;
  const page = Math.ceil(largest.start / dump.pageSize) * dump.pageSize;
  const probe = Math.min(Math.max(page, 1 << 20), largest.end - dump.pageSize);
  const { first, last, step } = SEARCH[image.levels];
  for (let base: bigint = first; base < last; base += step) {
    if (space.translate(base + BigInt(probe))?.paddr === probe) return base;
  }
  return undefined;
}

/** From _stext on, as far as it is mapped in one piece. */
export function x86_64KernelImage({ dump, space, physBase }: MappedKernel<X86_64Space>): MappedImage | undefined {
  const stext = dump.vmcoreinfo?.symbol("_stext");
  if (stext === undefined) return undefined;
  const large = 1n << 21n;
  const vaddr = stext - (stext % large);
  const start = Number(BigInt.asIntN(64, vaddr - START_KERNEL_MAP) + physBase);
  let end = start;
  const limit = start + Number(dump.vmcoreinfo?.number("KERNEL_IMAGE_SIZE") ?? GIB / 2n);
  while (end < limit) {
    const found = space.translate(vaddr + BigInt(end - start));
    if (found === undefined || found.paddr !== end) break;
    end += found.length;
  }
  return end > start ? { start, end, vaddr } : undefined;
}

/** Behind the image's own range, whose size depends on KASLR; the fixmap follows (mm.rst of the documentation). */
export function x86_64Modules(info: Vmcoreinfo): ModuleRange {
  const size = info.number("KERNEL_IMAGE_SIZE") ?? GIB / 2n;
  return { start: START_KERNEL_MAP + size, end: 0xffff_ffff_ff00_0000n, mayOverflow: false };
}
