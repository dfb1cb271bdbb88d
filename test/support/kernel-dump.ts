/** A built kernel as a dump file. */

import { closeSync, ftruncateSync, openSync, writeSync, writevSync } from "node:fs";
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
  const total = kernel.ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  if (total > LARGEST) {
    throw new Error(`${total} bytes of memory are too many for a file in memory`);
  }
  const loads = stretchesOf(kernel, options).map(
    ({ paddr, size, vaddr }): ElfLoad => ({
      ...{ paddr, vaddr, flags: 7 },
      data: { length: size, copyTo: (target: Uint8Array) => kernel.memory.readInto(target, paddr) },
    }),
  );
  return buildElf({ ...elfOptions(kernel, options), loads: [...loads, ...(options.moreLoads ?? [])] });
}

/** Writes the file of `toElf`, and of its memory only what is not zero: neither the file nor most of the memory is ever in one piece. */
export function writeElf(
  path: string,
  kernel: Kernel,
  options: Pick<KernelElfOptions, "style" | "notes" | "rawNotes"> = {},
): void {
  const stretches = stretchesOf(kernel, options);
  const headOf = (offsets: readonly number[]) =>
    buildElf({
      ...elfOptions(kernel, options),
      loads: stretches.map(({ paddr, size, vaddr }, i) => ({
        ...{ paddr, vaddr, flags: 7, filesz: size, offset: offsets[i] ?? 0 },
      })),
    });
  let end = headOf([]).length;
  const offsets = stretches.map(({ size }) => {
    end += size;
    return end - size;
  });
  const head = headOf(offsets);
  const fd = openSync(path, "w");
  try {
    ftruncateSync(fd, end);
    writeSync(fd, head, 0, head.length, 0);
    for (const [i, { paddr, size }] of stretches.entries()) {
      writeMemory(fd, kernel, { paddr, size, offset: offsets[i] ?? 0 });
    }
  } finally {
    closeSync(fd);
  }
}

/** What one system call may take. */
const MOST_BUFFERS = 1024;

function writeMemory(fd: number, kernel: Kernel, place: { paddr: number; size: number; offset: number }): void {
  let run: Uint8Array[] = [];
  let [start, end] = [0, 0];
  const flush = () => {
    if (run.length > 0 && writevSync(fd, run, start) !== end - start) throw new Error("the disk is full");
    run = [];
  };
  for (const { at, bytes } of kernel.memory.written(place.paddr, place.size)) {
    const offset = place.offset + at - place.paddr;
    if (offset !== end || run.length === MOST_BUFFERS) flush();
    if (run.length === 0) start = offset;
    run.push(bytes);
    end = offset + bytes.length;
  }
  flush();
}

interface Stretch {
  readonly paddr: number;
  readonly size: number;
  readonly vaddr: Integer;
}

/** Memory as the file has it, one after the other. */
function stretchesOf(kernel: Kernel, { style }: KernelElfOptions): Stretch[] {
  const all = kernel.ranges.map(({ start, end }) => ({
    ...{ paddr: start, size: end - start },
    vaddr: style === "qemu" ? start : kernel.directMap + BigInt(start),
  }));
  if (style === "qemu") return all;
  return [{ paddr: kernel.imagePhysical, size: kernel.imageSize, vaddr: kernel.imageVirtual }, ...all];
}

function elfOptions(kernel: Kernel, { style: _, moreLoads: __, ...elf }: KernelElfOptions): ElfOptions {
  return {
    notes: kernel.notes,
    class: kernel.arch.wordSize === 8 ? 64 : 32,
    byteOrder: kernel.arch.byteOrder,
    ...elf,
    machine: kernel.arch.elfMachine,
  };
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
