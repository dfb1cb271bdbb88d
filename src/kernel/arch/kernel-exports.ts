import type { KernelImage } from "../debuginfo/vmlinux-image.js";
import type { Relocation } from "./relocation.js";

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
