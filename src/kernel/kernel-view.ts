import { OPTION } from "../option-words.js";
import type { Dump } from "../reader/dump.js";
import { noVmcoreinfo } from "../reader/find-in-memory.js";
import { isOfXenHost } from "../reader/notes.js";
import type { Utsname } from "../reader/utsname.js";
import type { Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { ofFile, Warnings } from "../warnings.js";
import type { FoundSpace, LostTables } from "./arch/arch-support.js";
import { attachSpace, findSpace, rescuedSpace, type SpaceImage } from "./arch/archs.js";
import { cannotFilter } from "./cannot-filter.js";
import { discontigMemMap, flatMemMap } from "./flatmem.js";
import { type KernelMemory, kernelMemory } from "./kernel-memory.js";
import { structPageSamples, tablesOfStructPages } from "./lost-struct-pages.js";
import { maySearch } from "./may-search.js";
import type { MemMap } from "./page/mem-map.js";
import { type PageLayout, pageLayout } from "./page/page-layout.js";
import { possibleLayout } from "./page/possible-layout.js";
import { sparsememMap } from "./sparsemem.js";
import { parseKernelVersion } from "./version.js";

export { attachSpace, type SpaceImage } from "./arch/archs.js";

/** What a kernel looks like in memory: everything that classifying its pages needs, as plain data for the workers. */
export interface KernelView {
  /** Which of its page tables are lost; absent if they are whole. */
  readonly lost?: LostTables;
  readonly utsname: Utsname;
  /** The value of phys_base in a kdump header. */
  readonly physBase: bigint;
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly layout: PageLayout;
  /** All kernel addresses are at or above this one. */
  readonly lowestAddress: bigint;
  /** One more than the last pfn that has a struct page: memory beyond it (firmware ROMs) is not the kernel's RAM. */
  readonly maxMapnr: number;
}

/**
 * Finds out what the dumped kernel looks like. Throws `CANNOT_FILTER` with what is missing: no VMCOREINFO, an
 * architecture that is not supported yet, page tables or the memory map not found.
 */
export function kernelView(dump: Dump, warnings: Warnings): KernelView {
  if (isOfXenHost(dump.notes)) throw cannotFilter(dump, XEN_HOST, "XEN_HOST");
  const info = dump.vmcoreinfo;
  if (info === undefined) throw cannotFilter(dump, whyNoVmcoreinfo(dump));
  const space = findSpace(dump, info);
  const rollBack = warnings.mark();
  const view = viewIn(dump, info, space, warnings);
  const reached = view === undefined ? 0 : mappedShare(dump, view);
  if (view !== undefined && reached > HALF) return view;
  const better = viewWithoutTop(dump, info, { space, view, reached });
  if (better !== undefined) {
    rollBack();
    warnings.addAll(better.warnings);
    return better.view;
  }
  if (view === undefined) throw cannotFilter(dump, space.lost ? `${whatIsLost(space.lost)}; ${NO_MAP}` : NO_MAP);
  return view;
}

/** Struct pages of domain 0 are numbered by its own page frames, which say nothing of the machine's. */
const XEN_HOST = "it is the memory of a Xen host, in which domain 0 has other page numbers than the machine";

/** The kernel as its page tables show it, before any rescue of lost tables. */
interface FirstLook {
  readonly space: FoundSpace<SpaceImage>;
  readonly view: KernelView | undefined;
  readonly reached: number;
}

/**
 * For a kernel whose top page table is lost, or has lost the entry that leads to the struct pages: a view that reaches
 * more of them, through a process's table or else through the tables below. `undefined` if there is no such view.
 */
function viewWithoutTop(
  dump: Dump,
  info: Vmcoreinfo,
  { space, view, reached }: FirstLook,
): { readonly view: KernelView; readonly warnings: Warnings } | undefined {
  const look = (found: FoundSpace<SpaceImage>) => {
    const warnings = new Warnings();
    const seen = viewIn(dump, info, found, warnings);
    return seen !== undefined && mappedShare(dump, seen) > reached ? { view: seen, warnings } : undefined;
  };
  // If tables are already known to be lost, `findSpace` has tried a process's table.
  const rescued = space.lost === undefined ? rescuedSpace(dump, info) : undefined;
  const other = rescued?.lost?.instead === undefined ? undefined : look(rescued);
  if (other !== undefined || view === undefined) return other;
  for (const image of [space.image, ...(space.others ?? [])]) {
    const tablesBelow = tablesOfStructPages(dump, { ...view, space: image });
    if (tablesBelow.length === 0) continue;
    const lost = { instead: space.lost?.instead, below: tablesBelow.map(({ table }) => table) };
    return look({ ...space, image: { ...image, tablesBelow }, lost });
  }
  return undefined;
}

const NO_MAP = "its struct pages were not found (mem_section, mem_map)";
/** Struct pages of hot-plugged memory, and of holes, may not be mapped. */
const HALF = 0.5;
/** Struct pages that are looked up to see whether they are mapped. */
const SAMPLES = 64;

/** The share (0 to 1) of sampled struct pages that are mapped to memory of the dump. */
function mappedShare(dump: Dump, { space: image, memMap, layout }: KernelView): number {
  const space = attachSpace(image, dump.memory);
  const end = dump.maxMapnr * dump.pageSize;
  const samples = structPageSamples(dump, memMap, layout.size, SAMPLES);
  const mapped = samples.filter((address) => {
    // A fixed mapping may translate any address, also to places that are not memory.
    const place = space.translate(address)?.paddr;
    return place !== undefined && place < end;
  });
  return samples.length === 0 ? 0 : mapped.length / samples.length;
}

/** The kernel as seen through one address space; `undefined` if it shows no struct pages. Throws `CANNOT_FILTER`. */
function viewIn(
  dump: Dump,
  info: Vmcoreinfo,
  { image: space, physBase, utsname, lowestAddress, sections, flatStartPfn, lost }: FoundSpace<SpaceImage>,
  warnings: Warnings,
): KernelView | undefined {
  if (lost !== undefined) warnings.add("PAGE_TABLES", ofFile(dump.paths[0] ?? "", whatIsLost(lost)));
  const version = parseKernelVersion(utsname.release);
  if (version === undefined) throw cannotFilter(dump, `its kernel calls itself ${JSON.stringify(utsname.release)}`);
  const { layout: given, missing } = pageLayout(info, dump.machine, version);
  if (given === undefined) throw cannotFilter(dump, missing);
  const layout = possibleLayout(given, version);
  const attached = attachSpace(space, dump.memory);
  const memory = kernelMemory(info, dump.machine, dump.pageSize, attached, dump.memory, lowestAddress);
  const memMap =
    sparsememMap(memory, layout.size, sections, dump.maxMapnr, warnings) ??
    discontigMemMap(memory, layout.size, dump.maxMapnr, warnings) ??
    flatMemMap(memory, layout.size, flatStartPfn, dump.maxMapnr);
  if (memMap === undefined) return undefined;
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

/** What is lost, in words. */
export function whatIsLost({ instead, below, unsearched }: LostTables): string {
  if (below !== undefined) {
    const places = below.map((table) => `0x${table.toString(16)}`).join(", ");
    return `the kernel's top page table is lost or damaged; what leads to its struct pages was found without it (${places}), other memory that only tables map is not read`;
  }
  if (unsearched)
    return `the kernel's top page table is lost or damaged; only what lies at fixed places is read, because ${UNSEARCHED}`;
  const taken =
    instead === undefined
      ? "no other has the kernel's half, so that only what lies at fixed places is read"
      : `another at 0x${instead.toString(16)} that has the kernel's half, as processes' have, was taken`;
  return `the kernel's top page table is lost or damaged; ${taken}`;
}

const UNSEARCHED =
  "a machine's own memory is not searched for what leads to the rest: reading a page with a memory error can stop the machine";

/** Why there is no VMCOREINFO. A wrong --arch or --raw has the effect that texts lead nowhere. */
function whyNoVmcoreinfo(dump: Dump): string {
  const { vmcoreinfoFound = [], machine, header } = dump;
  const [first] = vmcoreinfoFound;
  if (!maySearch(dump)) return `it has no VMCOREINFO in a note, and ${UNSEARCHED}`;
  if (first === undefined) return `it has ${noVmcoreinfo(dump)}`;
  const { release, paddr = 0, reason } = first;
  const more = vmcoreinfoFound.length > 1 ? ` and ${vmcoreinfoFound.length - 1} more` : "";
  const isImage = header.format !== "elf" && header.format !== "kdump";
  const doubt = isImage
    ? `; it may be of another machine than ${machine.arch} (${OPTION.arch}), or lie at another address (${OPTION.raw})`
    : "";
  return `VMCOREINFO of ${release} at 0x${paddr.toString(16)}${more} in its memory leads to no kernel of ${machine.arch}: ${reason}${doubt}`;
}

/** Reader of the kernel's own data for this view; `undefined` without VMCOREINFO. */
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
