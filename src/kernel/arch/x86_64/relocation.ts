import type { KernelImage } from "../../debuginfo/vmlinux-image.js";
import { kernelVersion } from "../../version.js";
import type { KernelExports } from "../kernel-exports.js";
import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";
import { START_KERNEL_MAP } from "./space.js";

/**
 * phys_base is the image's physical address minus the one that its virtual address implies (virtual address -
 * __START_KERNEL_map). So phys_base and the physical address give the virtual one. Both are multiples of 2 MiB
 * (CONFIG_PHYSICAL_ALIGN is at least that).
 */
export function x86_64Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const physBase = image.integer("phys_base", 8);
  if (physBase === undefined) return [];
  const shift = wrap(paddr - physBase - (address - START_KERNEL_MAP));
  const enabled = image.integer("__pgtable_l5_enabled", 4);
  // Newer kernels check the processor's features instead of a variable.
  const levels = enabled === undefined ? [0n, 1n] : [enabled & 1n];
  // In a kernel that was built without it, sme_me_mask is a macro of 0.
  const sme = image.integer("sme_me_mask", 8) ?? 0n;
  // arch/x86/include/asm/page_64_types.h: 1 GiB for kernels that can be moved.
  const size = image.vmlinux.linked("kaslr_get_random_long") === undefined ? 1 << 29 : 1 << 30;
  return levels.map((l5) => ({
    shift,
    items: [
      `NUMBER(phys_base)=${BigInt.asIntN(64, physBase)}`,
      `NUMBER(pgtable_l5_enabled)=${l5}`,
      `KERNELOFFSET=${hexOf(shift)}`,
      `NUMBER(KERNEL_IMAGE_SIZE)=${size}`,
      `NUMBER(sme_mask)=${BigInt.asIntN(64, sme)}`,
    ],
  }));
}

/** arch/x86/kernel/machine_kexec_64.c, vmcore_info_64.c. */
export const X86_64_EXPORTS: KernelExports = {
  tableSymbols: ["init_top_pgt", "init_level4_pgt"],
  areas,
  sectionSizeBits: () => 27,
  maxPhysmemBits(_image, version, { items }) {
    if (items.includes("NUMBER(pgtable_l5_enabled)=1")) return 52;
    return version >= kernelVersion(2, 6, 31) ? 46 : undefined;
  },
};

/** Where vmalloc's area and the vmemmap begin: variables of the kernel, exported since 6.9. */
function areas(image: KernelImage, version: number): string[] {
  if (version < kernelVersion(6, 9)) return [];
  const vmalloc = image.word("vmalloc_base");
  const vmemmap = image.word("vmemmap_base");
  return [
    ...(vmalloc === undefined ? [] : [`NUMBER(VMALLOC_START)=0x${vmalloc.toString(16)}`]),
    ...(vmemmap === undefined ? [] : [`SYMBOL(vmemmap)=${vmemmap.toString(16)}`]),
  ];
}
