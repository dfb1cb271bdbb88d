import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Utsname } from "../../reader/utsname.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { SparsememShape } from "../sparsemem.js";

/** What a dump tells of its kernel's address space. */
export interface FoundSpace<Image> {
  readonly image: Image;
  /**
   * What a kdump header has as phys_base: where the kernel's image was loaded, relative to its link address, on x86;
   * where memory starts on arm, arm64 and riscv64.
   */
  readonly physBase: bigint;
  /** The kernel's own, read through the space: the proof that it is the right one. */
  readonly utsname: Utsname;
  /** No kernel data lie below. */
  readonly lowestAddress: bigint;
  /** Geometry of sparsemem's sections. */
  readonly sections: SparsememShape;
  /** pfn of the first struct page in a flat mem_map. */
  readonly flatStartPfn: number;
}

/**
 * One architecture: virtual to physical addresses of its kernels. `Image` is plain data that can be sent to a worker.
 */
export interface ArchSupport<Image> {
  /** Finds the kernel's address space. Throws `CANNOT_FILTER` with what is missing. */
  find(dump: Dump, info: Vmcoreinfo): FoundSpace<Image>;
  /** The address space of an image, in any thread. */
  attach(image: Image, memory: PhysicalMemory): AddressSpace;
  /** Byte order of the kernel's memory, for architectures whose dumps may have headers in the other one. */
  isLittleEndian?(dump: Dump, info: Vmcoreinfo): boolean | undefined;
}
