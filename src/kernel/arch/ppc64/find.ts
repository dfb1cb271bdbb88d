import type { Dump } from "../../../reader/dump.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import { cannotFilter } from "../../cannot-filter.js";
import { type KernelMemory, kernelMemory } from "../../kernel-memory.js";
import { readKernelUtsname } from "../../kernel-utsname.js";
import type { FoundSpace } from "../arch-support.js";
import { type FixedMap, fixedAddressSpace, joinMaps } from "../fixed-maps.js";
import { sectionShape } from "../section-shape.js";
import { firstThatReads, needSymbol } from "../try-spaces.js";
import { LINEAR_START, type Ppc64Space, ppc64AddressSpace } from "./space.js";

/** Where the linear map of most kernels ends: vmalloc and the vmemmap are behind it, or in regions of their own. */
const LINEAR_END = 0xc008_0000_0000_0000n;
/** MMU_FTR_TYPE_RADIX (arch/powerpc/include/asm/mmu.h). */
const RADIX_FEATURE = 0x40;
/** An entry of the top table is valid, is not a page, and has the size of the next table. */
const RADIX_TABLE_BITS = (3n << 62n) | 0x1fn;
const RADIX_TABLE = (1n << 63n) | 9n;
/** A piece of vmemmap covers the struct pages of 64 MiB of memory at least: 16 TiB and more. */
const MAX_PIECES = 1 << 18;

/**
 * All symbols are in the linear map; the vmemmap is not. With the radix MMU the vmemmap is in the page tables. The
 * tables of the hash MMU do not map it in a way that a dump's reader could walk: there the kernel keeps a list of its
 * pieces (for a long time also with radix).
 */
export function findPpc64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Ppc64Space> {
  const linear = linearMap(info);
  const guess = { image: { arch: "ppc64", maps: [linear], radix: undefined } as Ppc64Space, name: "the linear map" };
  const { utsname } = firstThatReads(dump, info, [guess], ppc64AddressSpace);
  const kernel = linearMemory(dump, info, linear);
  const pieces = vmemmapPieces(kernel);
  const pageShift = Math.log2(dump.pageSize);
  if (pageShift !== 12 && pageShift !== 16) throw cannotFilter(dump, `ppc64 has no pages of ${dump.pageSize} bytes`);
  const root = Number(needSymbol(dump, info, "swapper_pg_dir") - LINEAR_START);
  return {
    image: {
      arch: "ppc64",
      maps: joinMaps([linear, ...pieces]),
      radix: (isRadix(kernel) ?? (pieces.length === 0 || mapsMemory(dump, root))) ? { root, pageShift } : undefined,
    },
    utsname,
    physBase: 0n,
    lowestAddress: LINEAR_START,
    // arch/powerpc/include/asm/sparsemem.h: 51 bits since 4.20 or so, 47 since 4.12, 46 since 3.8, 44 before.
    sections: sectionShape(info, 24, [51, 47, 46, 44]),
    flatStartPfn: 0,
  };
}

/**
 * Byte order of the kernel's memory, from its own name. QEMU writes big-endian headers for little-endian guests too.
 */
export function ppc64IsLittleEndian(dump: Dump, info: Vmcoreinfo): boolean | undefined {
  const name = readKernelUtsname(dump, info, fixedAddressSpace([linearMap(info)]))?.machine;
  return name === "ppc64le" ? true : name === "ppc64" ? false : undefined;
}

function linearMap(info: Vmcoreinfo): FixedMap {
  const vmalloc = info.number("VMALLOC_START");
  const start = vmalloc === undefined ? 0n : BigInt.asUintN(64, vmalloc);
  const end = start > LINEAR_START && start < LINEAR_END ? start : LINEAR_END;
  return { start: LINEAR_START, end, paddr: 0n };
}

function linearMemory(dump: Dump, info: Vmcoreinfo, linear: FixedMap): KernelMemory {
  return kernelMemory(info, dump.machine, dump.pageSize, fixedAddressSpace([linear]), dump.memory, LINEAR_START);
}

/**
 * From RADIX_MMU, otherwise from the processor's features. Debian's 6.1 exports neither. A kernel of that age fills the
 * list of pieces with either MMU. If the list is empty, using the tables does no harm: addresses that they do not map
 * count as missing.
 */
function isRadix(kernel: KernelMemory): boolean | undefined {
  const { info } = kernel;
  const exported = info.number("RADIX_MMU");
  if (exported !== undefined) return exported === 1n;
  const variable = info.symbol("cur_cpu_spec");
  const offset = info.offset("cpu_spec.mmu_features");
  const spec = variable === undefined ? undefined : kernel.readWord(variable);
  if (spec === undefined || offset === undefined) return undefined;
  const features = kernel.readView(spec + BigInt(offset), 4)?.getUint32(0, kernel.littleEndian);
  return features === undefined ? undefined : (features & RADIX_FEATURE) !== 0;
}

/**
 * Whether the tables map the start of the linear map. With the radix MMU they do: the entry is valid and says that the
 * next table has 2^9 entries. With the hash MMU they map only addresses outside of the linear map. Seen on Debian's
 * 6.1.
 */
function mapsMemory(dump: Dump, root: number): boolean {
  const bytes = new Uint8Array(8);
  if (dump.memory.read(bytes, root) < bytes.length) return false;
  return (new DataView(bytes.buffer).getBigUint64(0) & RADIX_TABLE_BITS) === RADIX_TABLE;
}

/** The list vmemmap_list of struct vmemmap_backing; empty with the radix MMU, and where it is not exported. */
function vmemmapPieces(kernel: KernelMemory): FixedMap[] {
  const { info } = kernel;
  const list = info.symbol("vmemmap_list");
  const next = info.offset("vmemmap_backing.list");
  const phys = info.offset("vmemmap_backing.phys");
  const virt = info.offset("vmemmap_backing.virt_addr");
  const shift = vmemmapShift(kernel);
  if (list === undefined || next === undefined || phys === undefined || virt === undefined) return [];
  if (shift === undefined) return [];
  const pieces: FixedMap[] = [];
  let entry = kernel.readWord(list);
  while (entry !== undefined && kernel.isKernelAddress(entry) && pieces.length < MAX_PIECES) {
    const paddr = kernel.readWord(entry + BigInt(phys));
    const start = kernel.readWord(entry + BigInt(virt));
    if (paddr === undefined || start === undefined) break;
    pieces.push({ start, end: start + (1n << BigInt(shift)), paddr });
    entry = kernel.readWord(entry + BigInt(next));
  }
  return pieces;
}

/** Size of the vmemmap's pages: mmu_psize_defs[mmu_vmemmap_psize].shift. */
function vmemmapShift(kernel: KernelMemory): number | undefined {
  const { info, littleEndian } = kernel;
  const definitions = info.symbol("mmu_psize_defs");
  const chosen = info.symbol("mmu_vmemmap_psize");
  const size = info.size("mmu_psize_def");
  const offset = info.offset("mmu_psize_def.shift");
  if (definitions === undefined || chosen === undefined || size === undefined || offset === undefined) return undefined;
  const index = kernel.readView(chosen, 4)?.getUint32(0, littleEndian);
  // MMU_PAGE_COUNT is 16: more is damage, or the wrong byte order.
  if (index === undefined || index > 32) return undefined;
  const shift = kernel.readView(definitions + BigInt(index * size + offset), 4)?.getUint32(0, littleEndian);
  return shift !== undefined && shift >= 12 && shift <= 34 ? shift : undefined;
}
