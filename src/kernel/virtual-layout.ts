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

/** What of a kernel its layout is found by. */
export interface LayoutKernel {
  readonly space: SpaceImage;
  readonly physBase: bigint;
  /** No kernel address is below. */
  readonly lowestAddress: bigint;
}

/** Where the kernel maps memory: what debuggers without knowledge of page tables read from program headers. */
export interface VirtualLayout {
  /** Virtual address of physical address 0 in the direct map; `undefined` if none was found. */
  readonly directMap: bigint | undefined;
  /** What of a range of memory is in the direct map: on 32-bit machines not all is, nor is firmware. */
  directPart(range: PhysicalRange): MappedRange | undefined;
  /**
   * An address for a range that is not in the direct map: the one that it would have there, if nothing else is there; else 0. Readers take
   * a segment at 0 for memory at address 0 (drgn goes on unwinding from there).
   */
  restAddress(range: PhysicalRange): bigint;
  /** The kernel's image, where it has addresses of its own: ascending. Memory of it that was given back may lie between. */
  readonly image: readonly MappedRange[];
  /** All kernel addresses, by the page tables. */
  readonly space: AddressSpace;
}

/**
 * Finds the direct map and the kernel's image in the kernel's own page tables. The array of struct pages is left out: with a segment for it
 * makedumpfile 1.7.2 does not find mem_section any more. Costs some milliseconds: large pages
 * are one look, and of the direct map a sample is looked at.
 */
export function virtualLayout(dump: Dump, kernel: LayoutKernel): VirtualLayout {
  const support = supportOf(kernel.space);
  const space = attachSpace(kernel.space, dump.memory);
  const mapped = { dump, image: kernel.space, space, physBase: kernel.physBase };
  const addressOf = (address: bigint, bits: number) => support.wholeAddress?.(address, bits) ?? address;
  const directMap =
    support.directMap?.(mapped) ??
    directMapInTables(mapped, addressOf, kernel.lowestAddress) ??
    // Of tables that are lost.
    directMapAmong(mapped, kernel.space.knownMaps?.map(({ start, paddr }) => start - paddr) ?? []);
  const vaddrOf = (paddr: number) => BigInt.asUintN(8 * dump.machine.wordSize, (directMap as bigint) + BigInt(paddr));
  return {
    directMap,
    directPart(range) {
      const part = directMap === undefined ? undefined : directPart(space, directMap, range, dump);
      return part && { ...part, vaddr: vaddrOf(part.start) };
    },
    restAddress(range) {
      // On 32-bit machines other things are behind the direct map.
      if (directMap === undefined || dump.machine.wordSize === 4) return 0n;
      const isFree = pageProbes(range, dump.pageSize).every((paddr) => space.translate(vaddrOf(paddr)) === undefined);
      return isFree ? vaddrOf(range.start) : 0n;
    },
    image: imageRanges(mapped, directMap),
    space,
  };
}

/** The layout of a dump's kernel; without a view that of its page tables alone. `undefined` where they were not found. */
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

/** Symbols of VMCOREINFO that lie in the image, the first that is there is taken. */
const IMAGE_SYMBOLS = ["_stext", "init_uts_ns", "system_utsname", "swapper_pg_dir"];
/** How far around such a symbol the image is looked for: KERNEL_IMAGE_SIZE of x86-64 is 1 GiB at most, and kernels have some 100 MiB. */
const IMAGE_BEFORE = 1 << 28;
const IMAGE_BEHIND = 1 << 29;
/** Tables for that: 0.75 GiB in pages of 4 KiB have 384. */
const IMAGE_TABLES = 512;
/** Pieces told apart; more are one, with what lies between. */
const MOST_PIECES = 64;

/** All pages near a symbol of the image that are mapped at its distance. */
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

/** An image that no table maps but a fixed window: what of it around the symbol is memory of the dump. */
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

/** What page tables map at the addresses [start, end), of memory that the dump has. */
function windowRanges(dump: Dump, space: AddressSpace, from: bigint, end: bigint, most: number): MappedRange[] {
  const start = from < 0n ? 0n : from;
  const top = space.tables?.shape.levels[0];
  if (space.tables === undefined || top === undefined) return [];
  const { pageSize } = dump;
  const bits = BigInt(top.shift + top.bits);
  const mask = (1n << bits) - 1n;
  // A window that the tables do not index at one piece is cut.
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
