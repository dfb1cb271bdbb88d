import type { KernelImage } from "../debuginfo/vmlinux-image.js";

/** How a kernel may have been moved, and the items of VMCOREINFO that say so: to be tried. */
export interface Relocation {
  /** What is added to link addresses. */
  readonly shift: bigint;
  /** Lines for VMCOREINFO, in the kernel's order: "NUMBER(phys_base)=0". */
  readonly items: readonly string[];
}

/** A kernel's image of which one address is known in both spaces: variables in it are read by name. */
export interface ImagePlace {
  readonly image: KernelImage;
  /** A link address. */
  readonly address: bigint;
  /** Where that lies in physical memory. */
  readonly paddr: bigint;
}

/** Of a kernel that tells it by nothing but its place. */
export function moved(shift: bigint): Relocation[] {
  return [{ shift, items: shift === 0n ? [] : [`KERNELOFFSET=${hexOf(shift)}`] }];
}

/** In 64 bits, as unsigned long does. */
export function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** As VMCOREINFO has addresses: no prefix. */
export function hexOf(value: bigint): string {
  return wrap(value).toString(16);
}
