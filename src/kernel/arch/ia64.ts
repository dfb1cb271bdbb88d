import { segmentsOf } from "../../reader/attach.js";
import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { directMapAmong } from "./direct-map.js";
import { fixedAddressSpace } from "./fixed-maps.js";
import { evenLevels, walkTables } from "./page-walk.js";
import { sectionShape } from "./section-shape.js";
import type { DecodeEntry } from "./table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "./try-spaces.js";

/** The memory of an Itanium kernel, as plain data. */
export interface Ia64Space {
  readonly arch: "ia64";
  readonly root: number;
  /** Physical address of the kernel's image. */
  readonly kernelStart: number;
  readonly pageShift: number;
  /** 3 or 4. */
  readonly levels: number;
}

/** Itanium. */
export const IA64: ArchSupport<Ia64Space> = {
  find: findIa64Space,
  attach: ia64AddressSpace,
  directMap: (kernel) => directMapAmong(kernel, [REGION_7]),
  wholeAddress: (address) => address | 0xa000_0000_0000_0000n,
  stack: () => ({ bytes: 32768, hasThreadInfo: true }),
};

/** Regions 6 and 7 map all memory, uncached and cached; the image is in region 5 (arch/ia64/include/asm/page.h). */
const REGION_6 = 0xc000_0000_0000_0000n;
const REGION_7 = 0xe000_0000_0000_0000n;
const REGION_SIZE = 1n << 61n;
const KERNEL_START = 0xa000_0001_0000_0000n;
/** The image is mapped by one translation register of 64 MiB, at a multiple of that. */
const KERNEL_SIZE = 1 << 26;
const PRESENT = 1n;
const ADDRESS = ((1n << 50n) - 1n) & ~0xfffn;

/** The rest of region 5, vmalloc and the virtual memory map, is in the page tables. */
function ia64AddressSpace(image: Ia64Space, memory: PhysicalMemory): AddressSpace {
  const { root, pageShift } = image;
  const bits = pageShift - 3;
  const levels = evenLevels(pageShift + image.levels * bits, pageShift, bits);
  const last = levels.length - 1;
  const decode: DecodeEntry = (entry, level) => {
    if (level < last) return (entry & ADDRESS) === 0n ? undefined : { table: Number(entry & ADDRESS) };
    if ((entry & PRESENT) === 0n) return undefined;
    return { page: Number(entry & ADDRESS & ~((1n << BigInt(pageShift)) - 1n)), shift: pageShift };
  };
  const kernelEnd = KERNEL_START + BigInt(KERNEL_SIZE);
  const maps = [
    { start: KERNEL_START, end: kernelEnd, paddr: BigInt(image.kernelStart) },
    { start: REGION_6, end: REGION_6 + REGION_SIZE, paddr: 0n },
    { start: REGION_7, end: REGION_7 + REGION_SIZE, paddr: 0n },
  ];
  return fixedAddressSpace(maps, walkTables({ root, levels, entrySize: 8, littleEndian: true }, memory, decode));
}

/** CONFIG_PGTABLE_3 and _4 are exported; 3 levels were the default. */
function findIa64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Ia64Space> {
  const { image, utsname } = firstThatReads(dump, info, guesses(dump, info), ia64AddressSpace);
  return {
    image,
    utsname,
    physBase: BigInt(image.kernelStart),
    lowestAddress: 0xa000_0000_0000_0000n,
    // arch/ia64/include/asm/sparsemem.h
    sections: sectionShape(info, 30, [50]),
    flatStartPfn: 0,
  };
}

function* guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<Ia64Space>> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  const levels = info.items.get("CONFIG_PGTABLE_4") === "y" ? 4 : 3;
  const pageShift = Math.log2(dump.pageSize);
  for (const kernelStart of kernelStarts(dump)) {
    const root = Number(top - KERNEL_START) + kernelStart;
    if (root < 0 || root > Number.MAX_SAFE_INTEGER) continue;
    const image = { arch: "ia64", root, kernelStart, pageShift, levels } as const;
    yield { image, name: `the kernel at ${hex(kernelStart)}` };
  }
}

/** From a PT_LOAD or the header; otherwise every possible place. */
function* kernelStarts(dump: Dump): Generator<number> {
  const loads = segmentsOf(dump) ?? [];
  const kernel = loads.find((load) => load.vaddr >= KERNEL_START && load.vaddr < REGION_6);
  if (kernel !== undefined) yield kernel.paddr - Number(kernel.vaddr - KERNEL_START);
  if (dump.header.physBase !== undefined) yield Number(dump.header.physBase);
  for (const { start, end } of dump.ranges) {
    for (let at = Math.floor(start / KERNEL_SIZE) * KERNEL_SIZE; at < end; at += KERNEL_SIZE) yield at;
  }
}
