import type { MappedExtent } from "../../kernel/arch/page-tables.js";
import type { MemMap } from "../../kernel/page/mem-map.js";
import { firstIndex } from "../../sorted.js";

/** Contiguously mapped memory outside of the direct map and the kernel's image: mostly one vmalloc area. */
export interface MappedArea {
  readonly vaddr: bigint;
  /** The page frames in the order of their addresses. */
  readonly pfns: readonly number[];
}

/**
 * Joins the extents of page tables to areas, which are separated by unmapped pages (vmalloc leaves a guard page behind
 * each). `addressOf` converts the tables' page numbers to addresses. Extents whose distance from virtual to physical
 * page is in `linear` are left out.
 */
export function mappedAreas(
  extents: readonly MappedExtent[],
  linear: ReadonlySet<number>,
  addressOf: (vpn: number) => bigint,
): MappedArea[] {
  const areas: { vaddr: bigint; pfns: number[] }[] = [];
  let end = Number.NaN;
  for (const { vpn, pfn, pages } of extents) {
    if (linear.has(vpn - pfn)) {
      end = Number.NaN;
      continue;
    }
    let area = areas.at(-1);
    if (area === undefined || vpn !== end) {
      area = { vaddr: addressOf(vpn), pfns: [] };
      areas.push(area);
    }
    for (let i = 0; i < pages; i++) area.pfns.push(pfn + i);
    end = vpn + pages;
  }
  return areas;
}

/** The most pages that are mapped outside of the direct map: 64 GiB in pages of 4 KiB. */
const MOST_PAGES = 1 << 24;
/** For small dumps: what devices' registers and memory with several mappings may add. */
const LEAST_LIMIT = 1 << 16;

/**
 * The extents that matter for a dump of `maxMapnr` page frames: one damaged entry can map terabytes that do not exist.
 * At most twice its memory, and never more than 64 GiB of small pages, without those in `linear`; `cut` is true if
 * there was more.
 */
export function extentsWithin(
  extents: readonly MappedExtent[],
  linear: ReadonlySet<number>,
  maxMapnr: number,
): { readonly extents: readonly MappedExtent[]; readonly cut: boolean } {
  const within: MappedExtent[] = [];
  let left = Math.min(MOST_PAGES, 2 * maxMapnr + LEAST_LIMIT);
  for (const extent of extents) {
    const { vpn, pfn } = extent;
    if (linear.has(vpn - pfn)) {
      within.push(extent);
      continue;
    }
    const pages = Math.min(extent.pages, maxMapnr - pfn);
    if (pages <= 0) continue;
    if (pages > left) return { extents: within, cut: true };
    left -= pages;
    within.push({ vpn, pfn, pages });
  }
  return { extents: within, cut: false };
}

/**
 * On 32-bit machines the direct map has about 800 MiB of up to 16 GiB. No other mapping has as much at one distance.
 */
const LEAST_SHARE = 1 / 32;

/**
 * The distance from physical to virtual pages of the direct map, by which most of the `pages` are mapped; `undefined`
 * if no page table contains it. Only memory with struct pages counts, because the registers of devices may be larger
 * than the memory of a small machine (PCI's configuration space is 256 MiB).
 */
export function directMapDistance(extents: readonly MappedExtent[], memMap: MemMap, pages: number): number | undefined {
  const mapped = new Map<number, number>();
  let best: number | undefined;
  let most = 0;
  for (const { vpn, pfn, pages: length } of extents) {
    let memory = 0;
    for (let i = 0; i < memMap.count; i++) {
      const start = Math.max(pfn, memMap.startPfn[i] as number);
      memory += Math.max(0, Math.min(pfn + length, memMap.endPfn[i] as number) - start);
    }
    const total = (mapped.get(vpn - pfn) ?? 0) + memory;
    mapped.set(vpn - pfn, total);
    if (total <= most) continue;
    best = vpn - pfn;
    most = total;
  }
  return most >= pages * LEAST_SHARE ? best : undefined;
}

/** The area that contains an address; areas must be ascending. */
export function areaAt(areas: readonly MappedArea[], vaddr: bigint, pageSize: number): MappedArea | undefined {
  const area = areas[firstIndex(areas.length, (i) => (areas[i] as MappedArea).vaddr > vaddr) - 1];
  return area !== undefined && vaddr < area.vaddr + BigInt(area.pfns.length * pageSize) ? area : undefined;
}
