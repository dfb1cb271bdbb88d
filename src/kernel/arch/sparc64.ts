import { segmentsOf } from "../../reader/attach.js";
import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { type FixedMap, fixedAddressSpace } from "./fixed-maps.js";
import { walkTables } from "./page-walk.js";
import { sectionShape } from "./section-shape.js";
import type { DecodeEntry } from "./table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "./try-spaces.js";

/** The memory of a 64-bit SPARC kernel (3.18 and later: four levels of tables), as plain data. */
export interface Sparc64Space {
  readonly arch: "sparc64";
  readonly root: number;
  /** Physical address of the kernel's image. */
  readonly kernelStart: number;
}

/** 64-bit SPARC. */
export const SPARC64: ArchSupport<Sparc64Space> = {
  find: findSparc64Space,
  attach: sparc64AddressSpace,
  stack: () => ({ bytes: 16384, hasThreadInfo: true }),
};

/** The image is mapped low, by locked translations of 4 MiB; modules follow (arch/sparc/include/asm/pgtable_64.h). */
const KERNEL_BASE = 0x40_0000n;
const MODULES = 0x1000_0000n;
const KERNEL_ALIGN = 1 << 22;
/**
 * Where the linear map begins depends on the processor (PAGE_OFFSET, set in arch/sparc/mm/init_64.c from the number of
 * physical bits). The ranges of different processors do not overlap, so all of them are listed.
 */
const LINEAR: readonly FixedMap[] = [
  { start: 0xff80_0000_0000_0000n, end: 0xff88_0000_0000_0000n, paddr: 0n },
  { start: 0xfff8_0000_0000_0000n, end: 0xfffa_0000_0000_0000n, paddr: 0n },
  { start: 0xffff_8000_0000_0000n, end: 0xffff_8800_0000_0000n, paddr: 0n },
  { start: 0xffff_f800_0000_0000n, end: 0x1_0000_0000_0000_0000n, paddr: 0n },
];

const LEVELS = [43, 33, 23, 13].map((shift) => ({ shift, bits: 10 }));
const VALID = 1n << 63n;
/** In the two middle levels: the entry maps a page. */
const HUGE = 1n << 56n;
/** sun4v's: bits 13 to 55. */
const PAGE_ADDRESS = 0x00ff_ffff_ffff_e000n;
const SMALL_PAGE = 13;

/** Vmalloc and the vmemmap are in the page tables. An entry of an upper level is the next table's address. */
function sparc64AddressSpace({ root, kernelStart }: Sparc64Space, memory: PhysicalMemory): AddressSpace {
  const decode: DecodeEntry = (entry, level) => {
    const { shift } = LEVELS[level] as (typeof LEVELS)[number];
    const isPage = shift === SMALL_PAGE || (entry & HUGE) !== 0n;
    if (!isPage) return entry === 0n ? undefined : { table: Number(entry) };
    if ((entry & VALID) === 0n) return undefined;
    return { page: Number(entry & PAGE_ADDRESS & ~((1n << BigInt(shift)) - 1n)), shift };
  };
  const kernel = { start: KERNEL_BASE, end: MODULES, paddr: BigInt(kernelStart) };
  const tables = walkTables({ root, levels: LEVELS, entrySize: 8, littleEndian: false }, memory, decode);
  return fixedAddressSpace([kernel, ...LINEAR], tables);
}

/** The image's place is not exported: a PT_LOAD may have it, otherwise every multiple of 4 MiB is tried. */
function findSparc64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Sparc64Space> {
  const { image, utsname } = firstThatReads(dump, info, guesses(dump, info), sparc64AddressSpace);
  return {
    image,
    utsname,
    physBase: BigInt(image.kernelStart),
    lowestAddress: KERNEL_BASE,
    // arch/sparc/include/asm/sparsemem.h, MAX_PHYS_ADDRESS_BITS
    sections: sectionShape(info, 30, [53, 49, 47, 42]),
    flatStartPfn: 0,
  };
}

/** The most places that are tried: a terabyte in steps of 4 MiB. */
const MAX_PLACES = 1 << 18;

function* guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<Sparc64Space>> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  let left = MAX_PLACES;
  for (const kernelStart of kernelStarts(dump)) {
    const root = Number(top - KERNEL_BASE) + kernelStart;
    if (root < 0 || root > Number.MAX_SAFE_INTEGER) continue;
    if (left-- === 0) return;
    yield { image: { arch: "sparc64", root, kernelStart }, name: `the kernel at ${hex(kernelStart)}` };
  }
}

function* kernelStarts(dump: Dump): Generator<number> {
  const kernel = segmentsOf(dump)?.find((load) => load.vaddr >= KERNEL_BASE && load.vaddr < MODULES);
  if (kernel !== undefined && kernel.vaddr !== BigInt(kernel.paddr)) {
    yield kernel.paddr - Number(kernel.vaddr - KERNEL_BASE);
  }
  for (const { start, end } of dump.ranges) {
    for (let at = Math.floor(start / KERNEL_ALIGN) * KERNEL_ALIGN; at < end; at += KERNEL_ALIGN) yield at;
  }
}
