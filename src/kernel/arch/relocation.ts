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

/** Types, with names of their members. */
export type TypeItems = readonly (readonly [type: string, members: readonly string[]])[];

/**
 * Items of VMCOREINFO that a machine's kernels export in addition to those of all machines. Names that a kernel does
 * not have are skipped.
 */
export interface KernelExports {
  /** Variables with the top page table, where swapper_pg_dir is a macro. */
  readonly tableSymbols?: readonly string[];
  readonly symbols?: readonly string[];
  /** Types whose SIZE is exported, with OFFSETs; and those of which only OFFSETs are. */
  readonly types?: TypeItems;
  readonly offsets?: TypeItems;
  /** Arrays of pointers whose LENGTH is exported. */
  readonly pointerArrays?: readonly string[];
  /** Lines that say where areas of the address space begin. */
  areas?(image: KernelImage, version: number): readonly string[];
  /** SECTION_SIZE_BITS, a macro. `words` is the length of struct mem_section_usage's bitmap, 0 if it has none. */
  sectionSizeBits?(words: number): number | undefined;
  /** MAX_PHYSMEM_BITS, a macro. */
  maxPhysmemBits?(image: KernelImage, version: number, relocation: Relocation): number | undefined;
}
