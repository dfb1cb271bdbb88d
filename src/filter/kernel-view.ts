import type { Dump, PhysicalMemory } from "../reader/dump.js";
import type { Utsname } from "../reader/utsname.js";
import type { Warnings } from "../warnings.js";
import type { AddressSpace } from "./address-space.js";
import { LOWEST_KERNEL_ADDRESS, type X86_64Space, x86_64AddressSpace } from "./arch/x86_64.js";
import { findX86_64Space } from "./arch/x86_64-find.js";
import { cannotFilter } from "./cannot-filter.js";
import { kernelMemory } from "./kernel-memory.js";
import { type MemMap, memMapOf } from "./mem-map.js";
import { type PageLayout, pageLayout } from "./page-layout.js";
import { type SparsememShape, sparsememMap } from "./sparsemem.js";
import { kernelVersion, parseKernelVersion } from "./version.js";

/** Page tables or fixed mappings of any architecture, as plain data. */
export type SpaceImage = X86_64Space;

/** What a kernel looks like in memory: everything that classifying its pages needs, as plain data for the workers. */
export interface KernelView {
  readonly utsname: Utsname;
  /** Where the kernel's image was loaded, relative to its link address. */
  readonly physBase: bigint;
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly layout: PageLayout;
  /** One more than the last pfn that has a struct page: what lies beyond (firmware ROMs) is no RAM of the kernel's. */
  readonly maxMapnr: number;
}

/** The address space of a view, in any thread. */
export function attachSpace(space: SpaceImage, memory: PhysicalMemory): AddressSpace {
  return x86_64AddressSpace(space, memory);
}

/**
 * Finds out what the dumped kernel looks like. Throws `CANNOT_FILTER` with what is missing: no VMCOREINFO, an
 * architecture that is not supported yet, page tables or the memory map not found.
 */
export function kernelView(dump: Dump, warnings: Warnings): KernelView {
  const info = dump.vmcoreinfo;
  if (info === undefined) throw cannotFilter(dump, "it has no VMCOREINFO note");
  if (dump.machine.arch !== "x86_64") throw cannotFilter(dump, `${dump.machine.arch} kernels are not supported yet`);
  const { image: space, physBase, utsname } = findX86_64Space(dump, info);
  const version = parseKernelVersion(utsname.release);
  if (version === undefined) throw cannotFilter(dump, `its kernel calls itself ${JSON.stringify(utsname.release)}`);
  const { layout, missing } = pageLayout(info, dump.machine, version);
  if (layout === undefined) throw cannotFilter(dump, missing);
  const memory = kernelMemory(
    info,
    dump.machine,
    dump.pageSize,
    attachSpace(space, dump.memory),
    dump.memory,
    LOWEST_KERNEL_ADDRESS,
  );
  const shape = x86_64Shape(info, version, space.levels);
  const memMap = sparsememMap(memory, shape, dump.maxMapnr, warnings) ?? flatMap();
  if (memMap === undefined) throw cannotFilter(dump, "its struct pages were not found (mem_section, mem_map)");
  const end = memMap.endPfn[memMap.count - 1] as number;
  return { utsname, physBase, space, memMap, layout, maxMapnr: Math.min(dump.maxMapnr, end) };

  function flatMap(): MemMap | undefined {
    const symbol = info?.symbol("mem_section") === undefined ? info?.symbol("mem_map") : undefined;
    const address = symbol === undefined ? undefined : memory.readWord(symbol);
    if (address === undefined || layout === undefined || !memory.isKernelAddress(address)) return undefined;
    return memMapOf("flatmem", [{ startPfn: 0, endPfn: dump.maxMapnr, address }], layout.size);
  }
}

/** Section geometry: exported since 5.8 (MAX_PHYSMEM_BITS) and 5.13; before that by kernel version. */
function x86_64Shape(info: NonNullable<Dump["vmcoreinfo"]>, version: number, levels: number): SparsememShape {
  const exported = info.number("MAX_PHYSMEM_BITS");
  const byVersion =
    version < kernelVersion(2, 6, 26) ? 40 : version < kernelVersion(2, 6, 31) ? 44 : levels === 5 ? 52 : 46;
  const bits = exported === undefined ? [byVersion, 52, 46, 44, 40] : [Number(exported)];
  return { sectionSizeBits: Number(info.number("SECTION_SIZE_BITS") ?? 27n), maxPhysmemBits: bits };
}
