/** Builds the physical memory of a small kernel from a description of its pages. */

import { DEFAULT_UTSNAME, type Utsname } from "./kdump-header.js";
import type { KernelArch } from "./kernel/arch.js";
import { x86_64 } from "./kernel/arch-x86-64.js";
import {
  claimPages,
  expandBlocks,
  nodesOf,
  pfnsOfRanges,
  shareTailStructs,
  writeBlocks,
  writeDefaultStructs,
  writeImage,
} from "./kernel/fill.js";
import { type LogOptions, writeLog } from "./kernel/log.js";
import {
  imageBytesOfModel,
  layOutModel,
  type MemoryModel,
  type PfnRange,
  sectionGeometry,
} from "./kernel/memory-model.js";
import { knownMarks, type PageClass, type PageDescription } from "./kernel/page-kinds.js";
import { IMAGE, KernelSpace, VARIABLE } from "./kernel/space.js";
import type { StructContext } from "./kernel/struct-page.js";
import { type KernelFeatures, kernelFeatures, MAX_ORDER_COUNT } from "./kernel/versions.js";
import { vmcoreinfoLines } from "./kernel/vmcoreinfo-text.js";
import { type FreeBlock, writeNodes } from "./kernel/zones.js";
import type { MemoryRange, PhysicalMemory } from "./memory.js";
import { type Note, prstatusNote, vmcoreinfoNote } from "./notes.js";

export type { PageClass, PageDescription } from "./kernel/page-kinds.js";

export const MiB = 0x10_0000;
export const GiB = 0x4000_0000;

export interface KernelOptions {
  readonly release?: string;
  /** Bytes from address 0 on, or ranges with holes. Default 32 MiB. The kernel itself takes some MiB from 16 MiB on. */
  readonly memory?: number | readonly MemoryRange[];
  readonly pageTableLevels?: 4 | 5;
  /** The kernel's first byte is at 16 MiB + kernelOffset + physBase; that has to be a multiple of 2 MiB in memory. */
  readonly physBase?: number;
  readonly kernelOffset?: number;
  readonly smeMask?: bigint;
  readonly memoryModel?: MemoryModel;
  /** Numbers of sections (128 MiB each) that are in memory but have no mem_map: their pages are kept. */
  readonly sectionsWithoutMemMap?: readonly number[];
  /** Page frames whose struct pages are not mapped. Effective in whole pages of the virtual memmap. */
  readonly unmappedVmemmap?: readonly PfnRange[];
  /** Map the virtual memmap with pages of 2 MiB (default) or 4 KiB. */
  readonly vmemmapPageSize?: 0x1000 | 0x20_0000;
  /** Default 64, 56 before Linux 3.2. */
  readonly structPageSize?: number;
  /** 16, or 32 as with page_ext. */
  readonly sectionStructSize?: 16 | 32;
  /** Flags in section_mem_map instead of the release's own. */
  readonly sectionFlags?: number;
  /** Randomised bases of the direct map and the virtual memmap. */
  readonly directMap?: bigint;
  readonly vmemmap?: bigint;
  /** Export node_data instead of contig_page_data. Always so with "discontig", where each range is a node. */
  readonly numa?: boolean;
  readonly pages?: readonly PageDescription[];
  readonly utsname?: Partial<Utsname>;
  /** The kernel's log; two lines by default. */
  readonly log?: LogOptions;
  /** Last line of VMCOREINFO, if given. */
  readonly crashTime?: number;
  /** Takes away (by the text before "=") and adds lines of VMCOREINFO. */
  readonly vmcoreinfo?: { readonly remove?: readonly string[]; readonly add?: readonly string[] };
  /** Default x86-64. */
  readonly arch?: KernelArch;
}

export interface Kernel {
  readonly arch: KernelArch;
  readonly features: KernelFeatures;
  readonly memory: PhysicalMemory;
  readonly ranges: readonly MemoryRange[];
  readonly utsname: Utsname;
  readonly vmcoreinfo: string;
  /** One NT_PRSTATUS, and VMCOREINFO. */
  readonly notes: readonly Note[];
  readonly physBase: number;
  readonly imagePhysical: number;
  readonly imageVirtual: bigint;
  readonly imageSize: number;
  readonly directMap: bigint;
  /** Class of every described page at dump level 31, as makedumpfile classifies. Others are kept (or zero). */
  readonly expectedClass: ReadonlyMap<number, PageClass>;
  /** Class of any page of memory at any dump level. */
  classAt(pfn: number, level: number): PageClass;
  /** Every page frame that is wholly or partly in memory, ascending. */
  pfns(): Iterable<number>;
  /** Address of a page's struct page, virtual and physical (undefined: not mapped). */
  structAddress(pfn: number): bigint;
  structPhysical(pfn: number): number | undefined;
}

/** Builds the kernel. */
export function buildKernel(options: KernelOptions = {}): Kernel {
  const arch = options.arch ?? x86_64;
  const features = kernelFeatures(options.release ?? "6.1.0");
  const memory = options.memory ?? 32 * MiB;
  const ranges = typeof memory === "number" ? [{ start: 0, end: memory }] : memory;
  const levels = { pageTableLevels: options.pageTableLevels ?? 4, smeMask: options.smeMask ?? 0n };
  const model = options.memoryModel ?? "sparse-vmemmap";
  const structSize = options.structPageSize ?? features.layout.size;
  const sectionSize = options.sectionStructSize ?? 16;
  const geometry = sectionGeometry(
    arch.pageSize,
    arch.sectionSizeBits(features.release),
    arch.maxPhysmemBits(features.release, levels),
    sectionSize,
  );
  const blocks = expandBlocks(options.pages ?? []);
  const claimed = claimPages(blocks);
  const imageSize = IMAGE.memSection + imageBytesOfModel(geometry, model, features.sectionsAllocated);
  const space = new KernelSpace(arch, features.release, {
    ...levels,
    ranges,
    imageSize,
    physBase: options.physBase ?? 0,
    kernelOffset: options.kernelOffset ?? 0,
    claimed: (pfn) => claimed.has(pfn),
    ...(options.directMap === undefined ? {} : { directMap: options.directMap }),
    ...(options.vmemmap === undefined ? {} : { vmemmap: options.vmemmap }),
  });
  const map = layOutModel(space, features, geometry, {
    model,
    structSize,
    sectionSize,
    sectionsWithoutMemMap: options.sectionsWithoutMemMap ?? [],
    unmapped: options.unmappedVmemmap ?? [],
    vmemmapPageSize: options.vmemmapPageSize ?? arch.largePageSize,
    ...(options.sectionFlags === undefined ? {} : { sectionFlags: options.sectionFlags }),
  });

  const utsname: Utsname = {
    ...DEFAULT_UTSNAME,
    machine: arch.machine,
    release: features.release.text,
    ...options.utsname,
  };
  writeImage(space, features, utsname);
  const nodes = nodesOf(ranges, model, arch.pageSize);
  const free = blocks
    .filter((block) => block.kind === "free")
    .map(({ pfn, order }): FreeBlock => ({ pfn, order: order ?? 0 }));
  const unaccepted = blocks
    .filter((block) => block.kind === "unaccepted")
    .map(({ pfn }): FreeBlock => ({ pfn, order: MAX_ORDER_COUNT - 1 }));
  const links = writeNodes(space, features, map, nodes, free, unaccepted);
  const context: StructContext = {
    features,
    structSize,
    byteOrder: arch.byteOrder,
    structAddress: map.structAddress,
    addresses: {
      addressSpace: space.directAddress(space.imagePhysical) + 0x3800n,
      anonVma: space.directAddress(space.imagePhysical) + 0x3900n,
      freeHugePage: space.imageAddress(VARIABLE.freeHugePage),
    },
  };
  const lines = vmcoreinfoLines({
    arch,
    space,
    features,
    model,
    map,
    structSize,
    numa: options.numa ?? model === "discontig",
    logLines: writeLog(space, features, options.log ?? {}),
    crashTime: options.crashTime,
  });
  const removed = options.vmcoreinfo?.remove ?? [];
  const kept = lines.filter((line) => !removed.some((name) => line.startsWith(`${name}=`)));
  const finalLines = [...kept, ...(options.vmcoreinfo?.add ?? [])];
  const vmcoreinfo = finalLines.map((line) => `${line}\n`).join("");
  writeDefaultStructs(space, map, context);
  const verdicts = writeBlocks(space, map, blocks, links, context, knownMarks(finalLines, features));
  for (const block of blocks.filter((one) => one.hvo)) {
    shareTailStructs(space, map, block, structSize);
  }

  const classAt = (pfn: number, level: number): PageClass => {
    // A page whose first byte is not in memory is never looked at.
    const at = pfn * arch.pageSize;
    const begins = ranges.some((range) => at >= range.start && at < range.end);
    const found = (begins ? verdicts.get(pfn) : undefined)?.find(
      (verdict) => verdict.levels === 0 || (verdict.levels & level) !== 0,
    );
    if (found !== undefined) {
      return found.class;
    }
    const zero = (level & 1) !== 0 && space.memory.isZero(at, arch.pageSize);
    return zero ? "zero" : "keep";
  };
  return {
    arch,
    features,
    ranges,
    utsname,
    vmcoreinfo,
    imageSize,
    classAt,
    memory: space.memory,
    notes: [prstatusNote(1, [], arch.prstatusSize), vmcoreinfoNote(vmcoreinfo)],
    physBase: space.options.physBase,
    imagePhysical: space.imagePhysical,
    imageVirtual: space.imageVirtual,
    directMap: space.layout.directMap,
    expectedClass: new Map([...verdicts.keys()].map((pfn) => [pfn, classAt(pfn, 31)])),
    pfns: () => pfnsOfRanges(ranges, arch.pageSize),
    structAddress: map.structAddress,
    structPhysical: map.physicalOf,
  };
}
