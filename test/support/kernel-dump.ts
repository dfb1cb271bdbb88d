/** A built kernel as a dump file. */

import type { Integer } from "./bytes.js";
import { buildElf, type ElfLoad, type ElfOptions } from "./elf-image.js";
import { buildKdump, type KdumpOptions, type KdumpPage } from "./kdump-image.js";
import type { Kernel } from "./kernel-image.js";
import type { PageCodec } from "./page-codecs.js";

export interface KernelElfOptions extends Omit<ElfOptions, "loads" | "machine"> {
  /**
   * "vmcore" (default): the kernel's text first, overlapping the direct map that follows, as in /proc/vmcore;
   * "qemu": memory only, p_vaddr = p_paddr.
   */
  readonly style?: "vmcore" | "qemu";
  /** Segments behind the kernel's own. */
  readonly moreLoads?: readonly ElfLoad[];
}

/** Size above which memory is refused: files are built in one piece. */
const LARGEST = 0x4000_0000;

/** An ELF dump of all memory. */
export function toElf(kernel: Kernel, options: KernelElfOptions = {}): Uint8Array {
  const { style, moreLoads, ...elf } = options;
  const total = kernel.ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  if (total > LARGEST) {
    throw new Error(`${total} bytes of memory are too many for a file in memory`);
  }
  const load = (paddr: number, size: number, vaddr: Integer): ElfLoad => {
    const data = { length: size, copyTo: (target: Uint8Array) => kernel.memory.readInto(target, paddr) };
    return { paddr, vaddr, data, flags: 7 };
  };
  const loads = kernel.ranges.map((range) => {
    const virtual = style === "qemu" ? range.start : kernel.directMap + BigInt(range.start);
    return load(range.start, range.end - range.start, virtual);
  });
  if (style !== "qemu") {
    loads.unshift(load(kernel.imagePhysical, kernel.imageSize, kernel.imageVirtual));
  }
  return buildElf({
    notes: kernel.notes,
    class: kernel.arch.wordSize === 8 ? 64 : 32,
    byteOrder: kernel.arch.byteOrder,
    ...elf,
    machine: kernel.arch.elfMachine,
    loads: [...loads, ...(moreLoads ?? [])],
  });
}

export interface KernelKdumpOptions extends Omit<KdumpOptions, "pages" | "excluded"> {
  /** Codec of each page; default zlib for all. */
  readonly codec?: PageCodec | ((pfn: number) => PageCodec);
  /** Leaves out what a filter of that dump level leaves out; default 1, only zero pages are shared. */
  readonly dumpLevel?: number;
}

/** A kdump-compressed file of all memory, or of what a dump level leaves of it. */
export function toKdump(kernel: Kernel, options: KernelKdumpOptions = {}): Uint8Array {
  const { codec, ...kdump } = options;
  const level = options.dumpLevel ?? 1;
  const page = kernel.arch.pageSize;
  const pages = new Map<number, KdumpPage>();
  const excluded: number[] = [];
  for (const pfn of kernel.pfns()) {
    const found = kernel.classAt(pfn, level);
    if (found === "zero") {
      pages.set(pfn, { codec: "zero" });
    } else if (found === "keep" || level <= 1) {
      const chosen = typeof codec === "function" ? codec(pfn) : (codec ?? "zlib");
      pages.set(pfn, { codec: chosen, data: kernel.memory.read(pfn * page, page) });
    } else {
      excluded.push(pfn);
    }
  }
  return buildKdump({
    blockSize: page,
    wordSize: kernel.arch.wordSize,
    byteOrder: kernel.arch.byteOrder,
    utsname: kernel.utsname,
    physBase: kernel.physBase,
    notes: kernel.notes,
    vmcoreinfo: kernel.vmcoreinfo,
    ...kdump,
    dumpLevel: level,
    pages,
    excluded,
  });
}

/** The page frames that a dump of that level still has: those kept, and those that are zero. */
export function expectedPfns(kernel: Kernel, level: number): number[] {
  return [...kernel.pfns()].filter((pfn) => {
    const found = kernel.classAt(pfn, level);
    return found === "keep" || found === "zero";
  });
}
