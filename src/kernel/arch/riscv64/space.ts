import type { Dump } from "../../../reader/dump.js";
import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../../address-space.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import { canonicalOnly, evenLevels, walkTables } from "../page-walk.js";
import { sectionShape } from "../section-shape.js";
import type { DecodeEntry } from "../table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "../try-spaces.js";

/** The page tables of a riscv64 kernel, as plain data. */
export interface Riscv64Space {
  readonly arch: "riscv64";
  readonly root: number;
  /** 39, 48 or 57: three, four or five levels. */
  readonly vaBits: number;
}

const VALID = 1n;
/** Readable, writable or executable: the entry maps a page, at any level. */
const LEAF = 0xen;
/** Svnapot: the page has 64 KiB, and the lowest bits of its address say so. */
const NAPOT = 1n << 63n;

/** Translates all addresses by the page tables. RISC-V privileged specification: Sv39, Sv48 and Sv57. */
export function riscv64AddressSpace({ root, vaBits }: Riscv64Space, memory: PhysicalMemory): AddressSpace {
  const levels = evenLevels(vaBits, 12, 9);
  const last = levels.length - 1;
  const decode: DecodeEntry = (entry, level) => {
    if ((entry & VALID) === 0n) return undefined;
    const pfn = Number((entry >> 10n) & 0xfff_ffff_ffffn);
    if ((entry & LEAF) === 0n) return { table: pfn * 4096 };
    if (level === last && (entry & NAPOT) !== 0n && pfn % 16 === 8) return { page: (pfn - 8) * 4096, shift: 16 };
    const shift = 12 + 9 * (last - level);
    const pages = 2 ** (shift - 12);
    return { page: Math.floor(pfn / pages) * pages * 4096, shift };
  };
  return canonicalOnly(walkTables({ root, levels, entrySize: 8, littleEndian: true }, memory, decode), vaBits);
}

/** Where memory begins if phys_ram_base is not exported: behind OpenSBI's 2 MiB on most machines. */
const USUAL_START = 0x8020_0000n;

/**
 * Finds the page tables. The kernel's image is mapped at va_kernel_pa_offset from its physical place (5.13 and later).
 * In older 64-bit kernels image and memory had the same offset, PAGE_OFFSET - phys_ram_base.
 */
export function findRiscv64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Riscv64Space> {
  return riscv64Found(dump, info, firstThatReads(dump, info, guesses(dump, info), riscv64AddressSpace));
}

function riscv64Found(
  dump: Dump,
  info: Vmcoreinfo,
  { image, utsname }: NamedSpace<Riscv64Space>,
): FoundSpace<Riscv64Space> {
  const ramBase = info.number("phys_ram_base") ?? BigInt(dump.ranges[0]?.start ?? USUAL_START);
  return {
    image,
    utsname,
    physBase: ramBase,
    lowestAddress: (1n << 64n) - (1n << BigInt(image.vaBits - 1)),
    // arch/riscv/include/asm/sparsemem.h
    sections: sectionShape(info, 27, [56]),
    // ARCH_PFN_OFFSET is phys_ram_base's pfn (arch/riscv/include/asm/page.h).
    flatStartPfn: Number(ramBase / BigInt(dump.pageSize)),
  };
}

/**
 * How many addresses behind a symbol of the image still belong to it: its part of the address space has 2 GiB, with
 * modules.
 */
const MOST_IMAGE = 1n << 28n;

/** The image is at va_kernel_pa_offset, and every process's top table has the kernel's half. */
export function* rescueRiscv64(dump: Dump, info: Vmcoreinfo): Generator<TableRescue<Riscv64Space>> {
  const offset = info.number("va_kernel_pa_offset");
  const symbol = info.symbol("_stext") ?? info.symbol("init_uts_ns");
  const vaBits = Number(info.number("VA_BITS"));
  if (offset === undefined || symbol === undefined || ![39, 48, 57].includes(vaBits)) return;
  const start = symbol - (symbol % (1n << 21n));
  const maps = [{ start, end: start + MOST_IMAGE, paddr: start - BigInt.asUintN(64, offset) }];
  const image = { arch: "riscv64", root: 0, vaBits } as const;
  yield { image, maps, shared: true, describe: (named) => riscv64Found(dump, info, named) };
}

function* guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<Riscv64Space>> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  const imageOffset = info.number("va_kernel_pa_offset");
  const ramBase = info.number("phys_ram_base");
  const pageOffset = info.number("PAGE_OFFSET");
  const exported = info.number("VA_BITS");
  const roots: bigint[] = [];
  if (imageOffset !== undefined) roots.push(top - imageOffset);
  if (pageOffset !== undefined) {
    const bases = ramBase === undefined ? [USUAL_START, BigInt(dump.ranges[0]?.start ?? 0)] : [ramBase];
    roots.push(...bases.map((base) => top - pageOffset + base));
  }
  for (const vaBits of exported === undefined ? [39, 48, 57] : [Number(exported)]) {
    if (![39, 48, 57].includes(vaBits)) continue;
    for (const root of new Set(roots.map((one) => BigInt.asUintN(64, one)))) {
      if (root > BigInt(Number.MAX_SAFE_INTEGER)) continue;
      const image = { arch: "riscv64", root: Number(root), vaBits } as const;
      yield { image, name: `Sv${vaBits}, swapper_pg_dir at ${hex(root)}` };
    }
  }
}
