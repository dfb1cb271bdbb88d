/** What an architecture has to provide so that a kernel image can be built for it. */

import type { ByteOrder } from "../bytes.js";
import type { PhysicalMemory } from "../memory.js";
import type { Release } from "./release.js";

/** Page tables being written. */
export interface PageTables {
  /** Maps `size` bytes, using the given page size throughout; both addresses are multiples of it. */
  map(virtual: bigint, physical: number, size: number, pageSize: number): void;
}

/** Fixed places in the kernel's address space. */
export interface AddressLayout {
  /** Where physical address 0 is mapped. */
  readonly directMap: bigint;
  /** struct page of pfn 0, with a virtual memmap. */
  readonly vmemmap: bigint;
  /** Virtual address that stands for physical address phys_base. */
  readonly textMap: bigint;
  /** Offset of the kernel's first byte behind `textMap`, without KASLR. */
  readonly textOffset: number;
}

export interface ArchOptions {
  readonly pageTableLevels: number;
  /** Bit set in every page-table entry (AMD memory encryption), or 0. */
  readonly smeMask: bigint;
}

/** Facts which the architecture's part of VMCOREINFO is made of. */
export interface ArchInfo extends ArchOptions {
  readonly release: Release;
  readonly physBase: number;
  readonly kernelOffset: number;
  readonly numa: boolean;
  readonly memoryStart: number;
  readonly textMap: bigint;
  readonly symbols: { readonly rootTable: bigint; readonly physBase: bigint; readonly nodeData: bigint };
}

export interface KernelArch {
  readonly machine: string;
  readonly elfMachine: number;
  readonly byteOrder: ByteOrder;
  readonly wordSize: 4 | 8;
  readonly pageSize: number;
  /** The size of page the direct map and the kernel's text are mapped with. */
  readonly largePageSize: number;
  /** Size of an NT_PRSTATUS note's description. */
  readonly prstatusSize: number;
  sectionSizeBits(release: Release): number;
  maxPhysmemBits(release: Release, options: ArchOptions): number;
  /** `memoryStart`: the lowest physical address there is. */
  addressLayout(release: Release, options: ArchOptions, memoryStart: number): AddressLayout;
  createPageTables(memory: PhysicalMemory, root: number, allocate: () => number, options: ArchOptions): PageTables;
  /** The lines which the architecture adds to VMCOREINFO. */
  vmcoreinfo(info: ArchInfo): string[];
}
