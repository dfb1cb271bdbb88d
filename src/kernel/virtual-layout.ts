import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import { partsIn } from "../reader/ranges.js";
import type { AddressSpace } from "./address-space.js";
import type { MappedKernel } from "./arch/arch-support.js";
import { attachSpace, findSpace, type SpaceImage, supportOf } from "./arch/archs.js";
import { directMapAmong, directMapInTables, directPart, pageProbes } from "./arch/direct-map.js";
import { readPageTables } from "./arch/page-tables.js";
import type { KernelView } from "./kernel-view.js";

/** Physical addresses [start, end) in bytes, and the virtual address of the first. */
export interface MappedRange extends PhysicalRange {
  readonly vaddr: bigint;
}

/** The part of a kernel view that its virtual layout is found from. */
export interface LayoutKernel {
  readonly space: SpaceImage;
  readonly physBase: bigint;
  /** All kernel addresses are at or above this one. */
  readonly lowestAddress: bigint;
}

/** Where the kernel maps memory. Program headers carry this for debuggers that do not know page tables. */
export interface VirtualLayout {
  /** Virtual address of physical address 0 in the direct map; `undefined` if none was found. */
  readonly directMap: bigint | undefined;
  /**
   * The part of a range of memory that is in the direct map. On 32-bit machines the direct map lacks some memory; on
   * all, firmware's.
   */
  directPart(range: PhysicalRange): MappedRange | undefined;
  /**
   * An address for a range that is not in the direct map: the address that it would have there, if nothing else is
   * mapped at it; otherwise 0. Readers believe that a segment at 0 is memory at address 0 (drgn goes on unwinding from
   * there).
   */
  restAddress(range: PhysicalRange): bigint;
  /**
   * The kernel's image, where it has addresses of its own: ascending. Between the ranges there may be memory that the
   * kernel gave back.
   */
  readonly image: readonly MappedRange[];
  /** Translates all kernel addresses by the page tables. */
  readonly space: AddressSpace;
}

/**
 * Finds the direct map and the kernel's image in the kernel's own page tables. The array of struct pages is left out:
 * with a segment for it makedumpfile 1.7.2 no longer finds mem_section. Takes some milliseconds: a large page needs one
 * lookup, and the direct map is only sampled.
 */
export function virtualLayout(dump: Dump, kernel: LayoutKernel): VirtualLayout {
  const support = supportOf(kernel.space);
  const space = attachSpace(kernel.space, dump.memory);
  const mapped = { dump, image: kernel.space, space, physBase: kernel.physBase };
  const addressOf = (address: bigint, bits: number) => support.wholeAddress?.(address, bits) ?? address;
  const directMap =
    support.directMap?.(mapped) ??
    directMapInTables(mapped, addressOf, kernel.lowestAddress) ??
    // Direct maps that were found for lost page tables.
    directMapAmong(mapped, kernel.space.knownMaps?.map(({ start, paddr }) => start - paddr) ?? []);
  const vaddrOf = (paddr: number) => BigInt.asUintN(8 * dump.machine.wordSize, (directMap as bigint) + BigInt(paddr));
  return {
    directMap,
    directPart(range) {
      const part = directMap === undefined ? undefined : directPart(space, directMap, range, dump);
      return part && { ...part, vaddr: vaddrOf(part.start) };
    },
    restAddress(range) {
      // On 32-bit machines the addresses behind the direct map are used for other things.
      if (directMap === undefined || dump.machine.wordSize === 4) return 0n;
      const isFree = pageProbes(range, dump.pageSize).every((paddr) => space.translate(vaddrOf(paddr)) === undefined);
      return isFree ? vaddrOf(range.start) : 0n;
    },
    image: imageRanges(mapped, directMap),
    space,
  };
}

/**
 * The layout of a dump's kernel; without a view, from its page tables alone. `undefined` where the page tables were not
 * found.
 */
export function layoutOfDump(dump: Dump, view: KernelView | undefined): VirtualLayout | undefined {
  if (view !== undefined) {
    return virtualLayout(dump, view);
  }
  if (dump.vmcoreinfo === undefined) return undefined;
  try {
    const { image: space, physBase, lowestAddress } = findSpace(dump, dump.vmcoreinfo);
    return virtualLayout(dump, { space, physBase, lowestAddress });
  } catch (error) {
    if (error instanceof DumpError && error.code === "CANNOT_FILTER") return undefined;
    throw error;
  }
}

/** Symbols of VMCOREINFO that lie in the image. The first one that VMCOREINFO has is used. */
const IMAGE_SYMBOLS = ["_stext", "init_uts_ns", "system_utsname", "swapper_pg_dir"];
/**
 * How far around that symbol the image is searched: KERNEL_IMAGE_SIZE of x86-64 is 1 GiB at most, and kernels have some
 * 100 MiB.
 */
const IMAGE_BEFORE = 1 << 28;
const IMAGE_BEHIND = 1 << 29;
/** The most tables that are read for that: 0.75 GiB in pages of 4 KiB have 384. */
const IMAGE_TABLES = 512;
/** The most pieces of an image that are kept apart; more are joined to one, with the memory between them. */
const MOST_PIECES = 64;

/** All pages near a symbol of the image that have the symbol's distance between virtual and physical address. */
function imageRanges({ dump, space }: MappedKernel<SpaceImage>, directMap: bigint | undefined): MappedRange[] {
  const info = dump.vmcoreinfo;
  const symbol = IMAGE_SYMBOLS.map((name) => info?.symbol(name)).find((address) => address !== undefined);
  const place = symbol === undefined ? undefined : space.translate(symbol);
  if (symbol === undefined || place === undefined) return [];
  const distance = symbol - BigInt(place.paddr);
  if (directMap !== undefined && sameAddress(distance, directMap, dump)) return [];
  const found = windowRanges(dump, space, symbol - BigInt(IMAGE_BEFORE), symbol + BigInt(IMAGE_BEHIND), IMAGE_TABLES);
  const own = found.filter(({ start, vaddr }) => sameAddress(vaddr - BigInt(start), distance, dump));
  if (own.length === 0) return fixedImage(dump, space, symbol, place.paddr);
  const [first, last] = [own[0] as MappedRange, own[own.length - 1] as MappedRange];
  return own.length > MOST_PIECES ? [{ ...first, end: last.end }] : own;
}

/**
 * An image that is mapped by a fixed window and by no table: the memory of the dump around the symbol that the window
 * maps.
 */
function fixedImage(dump: Dump, space: AddressSpace, symbol: bigint, paddr: number): MappedRange[] {
  const range = dump.ranges.find(({ start, end }) => start <= paddr && paddr < end);
  if (range === undefined) return [];
  const start = Math.max(range.start, paddr - IMAGE_BEFORE);
  const end = Math.min(range.end, paddr + IMAGE_BEHIND);
  const at = (place: number) => symbol + BigInt(place - paddr);
  const isMapped = (place: number) => space.translate(at(place))?.paddr === place;
  const page = (place: number) => place - (place % dump.pageSize);
  const from = [start, page(paddr)].find(isMapped) as number;
  const found = space.translate(at(paddr));
  const to = isMapped(page(end - 1)) ? end : Math.min(end, paddr + (found?.length ?? 0));
  return [{ start: from, end: to, vaddr: at(from) }];
}

/**
 * What page tables map at the addresses [start, end), as far as the dump has the memory. `most` limits the tables that
 * are read.
 */
function windowRanges(dump: Dump, space: AddressSpace, from: bigint, end: bigint, most: number): MappedRange[] {
  const start = from < 0n ? 0n : from;
  const top = space.tables?.shape.levels[0];
  if (space.tables === undefined || top === undefined) return [];
  const { pageSize } = dump;
  const bits = BigInt(top.shift + top.bits);
  const mask = (1n << bits) - 1n;
  // A window that crosses the end of what the tables index is cut there.
  const first = Number((start & mask) / BigInt(pageSize));
  const pages = Number((end - start) / BigInt(pageSize)) + 1;
  const window = { start: first, end: Math.min(first + pages, Number((mask + 1n) / BigInt(pageSize))), most };
  const { extents } = readPageTables(space.tables, dump.memory, pageSize, undefined, window);
  return extents.flatMap(({ vpn, pfn, pages: length }) => {
    // A large page may reach beyond the window.
    const begin = Math.max(vpn, first);
    const to = Math.min(vpn + length, window.end);
    const paddr = (pfn + (begin - vpn)) * pageSize;
    const range = { start: paddr, end: paddr + (to - begin) * pageSize };
    const base = start - (start % BigInt(pageSize));
    const vaddr = base + BigInt(begin - first) * BigInt(pageSize);
    return partsIn(dump.ranges, range).map((part) => ({ ...part, vaddr: vaddr + BigInt(part.start - paddr) }));
  });
}

function sameAddress(a: bigint, b: bigint, { machine }: Dump): boolean {
  return BigInt.asUintN(8 * machine.wordSize, a - b) === 0n;
}
