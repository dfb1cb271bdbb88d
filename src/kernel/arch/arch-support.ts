import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Utsname } from "../../reader/utsname.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { SparsememShape } from "../sparsemem.js";
import type { FixedMap } from "./fixed-maps.js";
import type { KernelExports } from "./kernel-exports.js";
import type { NoteRegisters, UserFrame, VectorRegisters } from "./registers.js";
import type { ImagePlace, Relocation } from "./relocation.js";
import type { TableBelow } from "./tables-below.js";

/** What a dump tells of its kernel's address space. */
export interface FoundSpace<Image> {
  readonly image: Image;
  /** What it may be as well, for only the top table that is lost tells. */
  readonly others?: readonly Image[];
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
  /** What of its page tables is lost; absent where they are whole. */
  readonly lost?: LostTables;
}

/** A kernel whose name was read. */
export type NamedSpace<Image> = Pick<FoundSpace<Image>, "image" | "utsname">;

/** A space whose top table may be lost. */
export interface RootedSpace {
  /** Physical address of the top table. */
  readonly root: number;
}

/** What is known to be mapped without the top page table; absent where that is whole. */
export interface KnownMaps {
  readonly knownMaps?: readonly FixedMap[];
  readonly tablesBelow?: readonly TableBelow[];
}

/** What was lost of a kernel's address space, and what is used instead. */
export interface LostTables {
  /** Physical address of the table that was taken instead: a process's; `undefined` if none was found. */
  readonly instead: number | undefined;
  /** There may be one: nothing was searched (may-search.ts). */
  readonly unsearched?: true;
  /** Of tables below it that were found without it. */
  readonly below?: readonly number[];
}

/** A way to a kernel whose top table is lost. */
export interface TableRescue<Image> {
  /** With the root where it should be. */
  readonly image: Image;
  /** Where its image lies, which VMCOREINFO says by an offset; memory too where that is known. Ascending, disjoint. */
  readonly maps: readonly FixedMap[];
  /** Whether processes' top tables have the kernel's half. */
  readonly shared: boolean;
  /** All else of the kernel that this way led to. */
  describe(named: NamedSpace<Image>): FoundSpace<Image>;
}

/** A kernel whose address space was found. */
export interface MappedKernel<Image> {
  readonly dump: Dump;
  readonly image: Image;
  readonly space: AddressSpace;
  readonly physBase: bigint;
}

/** Addresses [start, end) that are modules' alone. */
export interface ModuleRange {
  readonly start: bigint;
  readonly end: bigint;
  /** Modules may lie elsewhere too. */
  readonly mayOverflow: boolean;
}

/** The stacks on which tasks run in the kernel. */
export interface TaskStack {
  /** THREAD_SIZE (asm/thread_info.h). */
  readonly bytes: number;
  /** struct thread_info is at the lowest address: kernels before THREAD_INFO_IN_TASK. */
  readonly hasThreadInfo: boolean;
}

/**
 * One architecture: all that is known of its kernels, and nothing outside of this folder asks which one a dump is of (but
 * `reader/machine.ts`, which has what files say of a machine). `Image` is plain data that can be sent to a worker. What is
 * absent the machine does not have, or nobody has found out: what needs it is left out, and says so.
 */
export interface ArchSupport<Image> {
  /** Finds the kernel's address space. Throws `CANNOT_FILTER` with what is missing. */
  find(dump: Dump, info: Vmcoreinfo): FoundSpace<Image>;
  /** The address space of an image, in any thread. */
  attach(image: Image, memory: PhysicalMemory): AddressSpace;
  /** Ways to a kernel whose top page table is lost. Absent: its symbols are at fixed places, or nobody has found out. */
  rescue?(dump: Dump, info: Vmcoreinfo): Iterable<TableRescue<Image>>;
  /** Byte order of the kernel's memory, for architectures whose dumps may have headers in the other one. */
  isLittleEndian?(dump: Dump, info: Vmcoreinfo): boolean | undefined;

  /**
   * The whole address of what page tables index, `bits` of it: they leave out the upper ones. Absent: that is all of it, as on
   * 32-bit machines.
   */
  wholeAddress?(address: bigint, bits: number): bigint;
  /**
   * Virtual address of physical address 0 in the direct map, for machines whose page tables do not have it: of others they tell it. It may
   * be "negative" (only sums count). `undefined` if memory is not mapped there.
   */
  directMap?(kernel: MappedKernel<Image>): bigint | undefined;
  /** Where modules lie. Absent, or `undefined`: in MODULES_VADDR of VMCOREINFO, or among other vmalloc areas. */
  modules?(image: Image, info: Vmcoreinfo): ModuleRange;
  /** `version` is `kernelVersion`'s number. */
  stack(version: number): TaskStack;

  /** Absent, or without sizes: known of kernels that have types only, or not at all. */
  userFrame?(version: number): UserFrame;
  readonly noteRegisters?: readonly NoteRegisters[];
  /** Offset of the stack pointer in NT_PRSTATUS, in bytes. */
  readonly noteStackPointer?: number;
  readonly vectorRegisters?: VectorRegisters;

  /** How a kernel whose image was found in memory may have been moved. Absent: it lies where it was linked. */
  relocations?(place: ImagePlace): readonly Relocation[];
  /** What its VMCOREINFO has beside what all have. */
  readonly exports?: KernelExports;
}
