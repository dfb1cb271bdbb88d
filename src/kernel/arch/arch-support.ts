import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Utsname } from "../../reader/utsname.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { SparsememShape } from "../sparsemem.js";
import type { FixedMap } from "./fixed-maps.js";
import type { NoteRegisters, QemuCpu, UserFrame, VectorRegisters } from "./registers.js";
import type { ImagePlace, KernelExports, Relocation } from "./relocation.js";
import type { TableBelow } from "./tables-below.js";

/** The address space of a dump's kernel. */
export interface FoundSpace<Image> {
  readonly image: Image;
  /** Other possibilities, if only the lost top table could show which one is right. */
  readonly others?: readonly Image[];
  /**
   * The value of phys_base in a kdump header: on x86 where the kernel's image was loaded, relative to its link address;
   * on arm, arm64 and riscv64 where memory starts.
   */
  readonly physBase: bigint;
  /** The kernel's utsname, read through the space: the proof that the space is the right one. */
  readonly utsname: Utsname;
  /** All kernel data are at or above this address. */
  readonly lowestAddress: bigint;
  /** Geometry of sparsemem's sections. */
  readonly sections: SparsememShape;
  /** pfn of the first struct page in a flat mem_map. */
  readonly flatStartPfn: number;
  /** Which of its page tables are lost; absent if they are whole. */
  readonly lost?: LostTables;
}

/** An address space through which the kernel's name was read. */
export type NamedSpace<Image> = Pick<FoundSpace<Image>, "image" | "utsname">;

/** A space whose top table may be lost. */
export interface RootedSpace {
  /** Physical address of the top table. */
  readonly root: number;
}

/** Parts that are mapped without the top page table; absent if the table is whole. */
export interface KnownMaps {
  readonly knownMaps?: readonly FixedMap[];
  readonly tablesBelow?: readonly TableBelow[];
}

/** Page tables of a kernel that are lost, and what is used instead. */
export interface LostTables {
  /** Physical address of the table that is used instead, a process's; `undefined` if none was found. */
  readonly instead: number | undefined;
  /** Whether there may be such a table, because memory was not searched (may-search.ts). */
  readonly unsearched?: true;
  /** Addresses of lower tables, if these were found without the top table. */
  readonly below?: readonly number[];
}

/** Makes it possible to read a kernel whose top table is lost. */
export interface TableRescue<Image> {
  /** The address space with the root that it should have. */
  readonly image: Image;
  /**
   * The place of the kernel's image, from an offset in VMCOREINFO, and of memory if that is known. Ascending, disjoint.
   */
  readonly maps: readonly FixedMap[];
  /** Whether processes' top tables have the kernel's half. */
  readonly shared: boolean;
  /** The other members of the space, once the kernel's name was read. */
  describe(named: NamedSpace<Image>): FoundSpace<Image>;
}

/** A kernel whose address space was found. */
export interface MappedKernel<Image> {
  readonly dump: Dump;
  readonly image: Image;
  readonly space: AddressSpace;
  readonly physBase: bigint;
}

/** Addresses [start, end) where only modules are. */
export interface ModuleRange {
  readonly start: bigint;
  readonly end: bigint;
  /** Whether modules may also be outside of it. */
  readonly mayOverflow: boolean;
}

/** The stacks on which tasks run in the kernel. */
export interface TaskStack {
  /** THREAD_SIZE (asm/thread_info.h). */
  readonly bytes: number;
  /** struct thread_info is at the lowest address of the stack: kernels before THREAD_INFO_IN_TASK. */
  readonly hasThreadInfo: boolean;
}

/**
 * One architecture: everything that is known of its kernels. Nothing outside of this folder asks which architecture a
 * dump has (except `reader/machine.ts`, which has what files say about machines). `Image` is plain data that can be
 * sent to a worker. A member is absent if the machine does not have it, or if nobody has found out; code that needs it
 * leaves its part out and says so.
 */
export interface ArchSupport<Image> {
  /** Finds the kernel's address space. Throws `CANNOT_FILTER` with what is missing. */
  find(dump: Dump, info: Vmcoreinfo): FoundSpace<Image>;
  /** Attaches an address space to memory, in any thread. */
  attach(image: Image, memory: PhysicalMemory): AddressSpace;
  /**
   * Ways to read a kernel whose top page table is lost. Absent: its symbols are at fixed places, or it is not known
   * how.
   */
  rescue?(dump: Dump, info: Vmcoreinfo): Iterable<TableRescue<Image>>;
  /** Byte order of the kernel's memory, for architectures whose dumps may have headers in the other one. */
  isLittleEndian?(dump: Dump, info: Vmcoreinfo): boolean | undefined;

  /**
   * Makes a whole address of the part that page tables index, its lowest `bits` bits. Absent: page tables index all
   * bits, as on 32-bit machines.
   */
  wholeAddress?(address: bigint, bits: number): bigint;
  /**
   * Virtual address of physical address 0 in the direct map, for machines whose page tables do not contain it; on
   * others the tables show it. It may be "negative" (only sums count). `undefined` if memory is not mapped there.
   */
  directMap?(kernel: MappedKernel<Image>): bigint | undefined;
  /** Where modules are. Absent, or `undefined`: at MODULES_VADDR of VMCOREINFO, or among other vmalloc areas. */
  modules?(image: Image, info: Vmcoreinfo): ModuleRange;
  /** Stacks of tasks. `version` is a number of `kernelVersion`. */
  stack(version: number): TaskStack;

  /**
   * The registers of programs on kernel stacks. Absent, or without sizes: known only for kernels with types, or not at
   * all.
   */
  userFrame?(version: number): UserFrame;
  readonly noteRegisters?: readonly NoteRegisters[];
  /** Offset of the stack pointer in NT_PRSTATUS, in bytes. */
  readonly noteStackPointer?: number;
  /** Offset of the top page table's physical address in QEMU's note, in bytes. */
  readonly qemuTopTable?: number;
  readonly qemuCpu?: QemuCpu;
  readonly vectorRegisters?: VectorRegisters;
  /** Bytes of physical memory, from 0 on, that firmware and boot loaders use for data of their own. */
  readonly firmwareMemory?: number;

  /** How a kernel whose image was found in memory may have been moved. Absent: it is where it was linked. */
  relocations?(place: ImagePlace): readonly Relocation[];
  /** Items that its VMCOREINFO has in addition to those of all machines. */
  readonly exports?: KernelExports;
}
