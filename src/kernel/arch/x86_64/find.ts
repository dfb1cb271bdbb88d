import { segmentsOf } from "../../../reader/attach.js";
import type { Dump } from "../../../reader/dump.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import { cannotFilter } from "../../cannot-filter.js";
import { readKernelUtsname } from "../../kernel-utsname.js";
import type { SparsememShape } from "../../sparsemem.js";
import { kernelVersion, parseKernelVersion } from "../../version.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import { sectionShape } from "../section-shape.js";
import { LOWEST_KERNEL_ADDRESS, START_KERNEL_MAP, type X86_64Space, x86_64AddressSpace } from "./space.js";

/**
 * Finds the page tables of an x86-64 kernel. The kernel's load address (phys_base) comes from VMCOREINFO, otherwise
 * from a PT_LOAD that maps the kernel's image, otherwise from the kdump header; the first one with which `init_uts_ns`
 * reads as Linux is used. The header comes last because QEMU parses the decimal number in VMCOREINFO as hexadecimal and
 * writes a wrong one under KASLR (seen with QEMU 7.2). Throws `CANNOT_FILTER`.
 */
export function findX86_64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<X86_64Space> {
  const topSymbol = ["init_top_pgt", "init_level4_pgt", "swapper_pg_dir"].find(
    (name) => info.symbol(name) !== undefined,
  );
  if (topSymbol === undefined) {
    throw cannotFilter(dump, "VMCOREINFO names no page table (init_top_pgt, init_level4_pgt or swapper_pg_dir)");
  }
  const top = info.symbol(topSymbol) as bigint;
  const levels = levelsOf(info);
  const smeMask = smeMaskOf(info);
  const tried: string[] = [];
  for (const physBase of physBases(dump, info)) {
    const root = BigInt.asUintN(64, top - START_KERNEL_MAP + physBase) & ~smeMask;
    if (root > BigInt(Number.MAX_SAFE_INTEGER)) continue;
    const image: X86_64Space = { arch: "x86_64", root: Number(root), levels, smeMask };
    const utsname = readKernelUtsname(dump, info, x86_64AddressSpace(image, dump.memory));
    if (utsname !== undefined) return x86_64Found(info, { image, utsname }, physBase);
    tried.push(`0x${BigInt.asUintN(64, physBase).toString(16)}`);
  }
  const found =
    tried.length === 0
      ? "nothing says where the kernel was loaded"
      : `they are not where the dump says that the kernel was loaded (phys_base ${tried.join(", ")})`;
  throw cannotFilter(dump, `the kernel's page tables (${topSymbol}) were not found: ${found}`);
}

function x86_64Found(
  info: Vmcoreinfo,
  { image, utsname }: NamedSpace<X86_64Space>,
  physBase: bigint,
): FoundSpace<X86_64Space> {
  const sections = x86_64Sections(info, utsname.release, image.levels);
  return { image, physBase, utsname, lowestAddress: LOWEST_KERNEL_ADDRESS, sections, flatStartPfn: 0 };
}

/** The image is mapped at phys_base, and every process's top table has the kernel's half. */
export function* rescueX86_64(dump: Dump, info: Vmcoreinfo): Generator<TableRescue<X86_64Space>> {
  for (const physBase of physBases(dump, info)) {
    yield {
      image: { arch: "x86_64", root: 0, levels: levelsOf(info), smeMask: smeMaskOf(info) },
      maps: [{ start: START_KERNEL_MAP, end: START_KERNEL_MAP + MOST_IMAGE, paddr: physBase }],
      shared: true,
      describe: (named) => x86_64Found(info, named, physBase),
    };
  }
}

function levelsOf(info: Vmcoreinfo): 4 | 5 {
  return info.number("pgtable_l5_enabled") === 1n ? 5 : 4;
}

function smeMaskOf(info: Vmcoreinfo): bigint {
  return BigInt.asUintN(64, info.number("sme_mask") ?? 0n);
}

/** KERNEL_IMAGE_SIZE with KASLR. */
const MOST_IMAGE = 1n << 30n;

function physBases(dump: Dump, info: Vmcoreinfo): bigint[] {
  const kernelLoad = segmentsOf(dump)?.find((load) => load.vaddr >= START_KERNEL_MAP && load.filesz > 0);
  const candidates = [
    info.number("phys_base"),
    kernelLoad && BigInt(kernelLoad.paddr) - (kernelLoad.vaddr - START_KERNEL_MAP),
    dump.header.physBase,
    0n,
  ];
  const known = candidates.filter((value) => value !== undefined).map((value) => BigInt.asIntN(64, value));
  return [...new Set(known)];
}

/** include/asm-x86/sparsemem.h of the kernels before MAX_PHYSMEM_BITS was exported (5.8). */
function x86_64Sections(info: Vmcoreinfo, release: string, levels: number): SparsememShape {
  const version = parseKernelVersion(release) ?? 0;
  const byVersion =
    version < kernelVersion(2, 6, 26) ? 40 : version < kernelVersion(2, 6, 31) ? 44 : levels === 5 ? 52 : 46;
  return sectionShape(info, 27, [byVersion, 52, 46, 44, 40]);
}
