import { OPTION } from "../option-words.js";
import type { Dump } from "../reader/dump.js";
import type { Utsname } from "../reader/utsname.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { ofFile, type Warnings } from "../warnings.js";
import type { LostTables } from "./arch/arch-support.js";
import { attachSpace, findSpace, type SpaceImage } from "./arch/archs.js";
import { cannotFilter } from "./cannot-filter.js";
import { discontigMemMap, flatMemMap } from "./flatmem.js";
import { type KernelMemory, kernelMemory } from "./kernel-memory.js";
import type { MemMap } from "./page/mem-map.js";
import { type PageLayout, pageLayout } from "./page/page-layout.js";
import { sparsememMap } from "./sparsemem.js";
import { parseKernelVersion } from "./version.js";

export { attachSpace, type SpaceImage } from "./arch/archs.js";

/** What a kernel looks like in memory: everything that classifying its pages needs, as plain data for the workers. */
export interface KernelView {
  /** What of its page tables is lost; absent where they are whole. */
  readonly lost?: LostTables;
  readonly utsname: Utsname;
  /** What a kdump header has as phys_base. */
  readonly physBase: bigint;
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly layout: PageLayout;
  /** No kernel address is below. */
  readonly lowestAddress: bigint;
  /** One more than the last pfn that has a struct page: what lies beyond (firmware ROMs) is no RAM of the kernel's. */
  readonly maxMapnr: number;
}

/**
 * Finds out what the dumped kernel looks like. Throws `CANNOT_FILTER` with what is missing: no VMCOREINFO, an
 * architecture that is not supported yet, page tables or the memory map not found.
 */
export function kernelView(dump: Dump, warnings: Warnings): KernelView {
  const info = dump.vmcoreinfo;
  if (info === undefined) throw cannotFilter(dump, whyNoVmcoreinfo(dump));
  const { image: space, physBase, utsname, lowestAddress, sections, flatStartPfn, lost } = findSpace(dump, info);
  if (lost !== undefined) warnings.add("PAGE_TABLES", ofFile(dump.paths[0] ?? "", whatIsLost(lost)));
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
    lowestAddress,
  );
  const memMap =
    sparsememMap(memory, layout.size, sections, dump.maxMapnr, warnings) ??
    discontigMemMap(memory, layout.size, dump.maxMapnr, warnings) ??
    flatMemMap(memory, layout.size, flatStartPfn, dump.maxMapnr);
  if (memMap === undefined) {
    const why = "its struct pages were not found (mem_section, mem_map)";
    throw cannotFilter(dump, lost === undefined ? why : `${whatIsLost(lost)}; ${why}`);
  }
  return {
    ...(lost && { lost }),
    utsname,
    physBase,
    space,
    memMap,
    layout,
    lowestAddress,
    maxMapnr: endOfMemory(dump, info, memMap),
  };
}

/** In words. */
export function whatIsLost({ instead }: LostTables): string {
  const taken =
    instead === undefined
      ? "no other has the kernel's half, so that only what lies at fixed places is read"
      : `another at 0x${instead.toString(16)} that has the kernel's half, as processes' have, was taken`;
  return `the kernel's top page table is lost or damaged; ${taken}`;
}

/** Why there is none. A wrong --arch, or a wrong --raw, shows as texts that lead nowhere. */
function whyNoVmcoreinfo({ vmcoreinfoFound = [], machine, header }: Dump): string {
  const [first] = vmcoreinfoFound;
  if (first === undefined) return "it has no VMCOREINFO, neither in a note nor in its memory";
  const { release, paddr = 0, reason } = first;
  const more = vmcoreinfoFound.length > 1 ? ` and ${vmcoreinfoFound.length - 1} more` : "";
  const isImage = header.format !== "elf" && header.format !== "kdump";
  const doubt = isImage
    ? `; it may be of another machine than ${machine.arch} (${OPTION.arch}), or lie at another address (${OPTION.raw})`
    : "";
  return `VMCOREINFO of ${release} at 0x${paddr.toString(16)}${more} in its memory leads to no kernel of ${machine.arch}: ${reason}${doubt}`;
}

/** The kernel's own data of a dump with this view; `undefined` without VMCOREINFO. */
export function viewMemory(dump: Dump, { space, lowestAddress }: KernelView): KernelMemory | undefined {
  const info = dump.vmcoreinfo;
  if (info === undefined) return undefined;
  return kernelMemory(info, dump.machine, dump.pageSize, attachSpace(space, dump.memory), dump.memory, lowestAddress);
}

/**
 * Sections of a sparse memory map cover all RAM, and whole sections. A flat one ends where the kernel's memory ends,
 * and that may be short of the firmware's tables, which lie in RAM all the same: they are kept.
 */
function endOfMemory(dump: Dump, info: Vmcoreinfo, memMap: MemMap): number {
  if (info.symbol("mem_section") === undefined) return dump.maxMapnr;
  return Math.min(dump.maxMapnr, memMap.endPfn[memMap.count - 1] as number);
}
