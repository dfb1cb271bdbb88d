import type { KernelImage } from "../debuginfo/vmlinux-image.js";

/** One way in which a kernel may have been moved, and the items of VMCOREINFO that describe it. The caller tries it. */
export interface Relocation {
  /** The number that is added to link addresses. */
  readonly shift: bigint;
  /** Lines for VMCOREINFO, in the kernel's order: "NUMBER(phys_base)=0". */
  readonly items: readonly string[];
}

/** A kernel's image and one address in it that is known in both spaces, so that its variables can be read by name. */
export interface ImagePlace {
  readonly image: KernelImage;
  /** An address in the image, as it was linked. */
  readonly address: bigint;
  /** Its physical address. */
  readonly paddr: bigint;
}

/** The relocation of a kernel that only its place describes. */
export function moved(shift: bigint): Relocation[] {
  return [{ shift, items: shift === 0n ? [] : [`KERNELOFFSET=${hexOf(shift)}`] }];
}

/** The value in 64 bits, as in an unsigned long. */
export function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** In hexadecimal without a prefix, like addresses in VMCOREINFO. */
export function hexOf(value: bigint): string {
  return wrap(value).toString(16);
}
