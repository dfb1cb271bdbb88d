import { wordAt } from "../reader/fields.js";
import type { Warnings } from "../warnings.js";
import type { KernelMemory } from "./kernel-memory.js";
import { type MemMap, type MemMapRange, memMapOf } from "./page/mem-map.js";

/** Flags in the low bits of section_mem_map (include/linux/mmzone.h). */
const MARKED_PRESENT = 1n;
const HAS_MEM_MAP = 2n;
/** SECTION_IS_ONLINE, since 4.13. */
const IS_ONLINE = 4n;
/**
 * Newer kernels use ever more of the low bits for flags, at most 6: the address is biased by a multiple of 64 struct
 * pages' bytes, so that masking all 6 is right for every kernel.
 */
const FLAG_BITS = 6n;

/** What sparsemem's tables look like. */
export interface SparsememShape {
  /** Bits of a section's size in bytes: SECTION_SIZE_BITS. */
  readonly sectionSizeBits: number;
  /** Candidates for MAX_PHYSMEM_BITS; the first for which the length of the root array fits is taken. */
  readonly maxPhysmemBits: readonly number[];
}

/**
 * Reads the sections of a sparsemem kernel. VMCOREINFO's SYMBOL(mem_section) is the root array, although since 4.15
 * the variable is a pointer to it; where a tool or an early backport exported the variable itself, its value is
 * followed once. `structSize` is that of struct page. Returns `undefined` when no section is found either way.
 */
export function sparsememMap(
  kernel: KernelMemory,
  structSize: number,
  shape: SparsememShape,
  maxMapnr: number,
  warnings: Warnings,
): MemMap | undefined {
  const { info } = kernel;
  const symbol = info.symbol("mem_section");
  if (symbol === undefined) return undefined;
  const size = info.size("mem_section") ?? 2 * kernel.wordSize;
  const offset = info.offset("mem_section.section_mem_map") ?? 0;
  const { sectionSizeBits } = shape;
  // Damaged numbers would make endless loops: a section is 1 MiB to 1 TiB, its struct a few words.
  if (sectionSizeBits < 20 || sectionSizeBits > 40 || size > kernel.pageSize || offset + kernel.wordSize > size) {
    return undefined;
  }
  const read = (root: bigint) => readSections(kernel, root, structSize, shape, maxMapnr);
  const direct = read(symbol);
  const pointer = direct.ranges.length > 0 ? undefined : kernel.readWord(symbol);
  const found = pointer === undefined ? direct : read(pointer);
  if (found.ranges.length === 0) return undefined;
  if (found.bad > 0) {
    warnings.add(
      "BAD_SECTION",
      "the mem_map of some sections is not at a kernel address: their pages are kept",
      found.bad,
    );
  }
  const model = `sparsemem, ${found.extreme ? "extreme" : "static"}`;
  const memMap = { ...memMapOf(model, found.ranges, structSize), tables: found.tables };
  const offline = found.ranges.filter(({ online }) => !online);
  // Kernels before 4.13 set the flag on no section.
  if (offline.length === 0 || offline.length === found.ranges.length) return memMap;
  return { ...memMap, offline: offline.map(({ startPfn, endPfn }) => ({ startPfn, endPfn })) };
}

interface Sections {
  readonly ranges: readonly (MemMapRange & { readonly online: boolean })[];
  readonly bad: number;
  readonly extreme: boolean;
  readonly tables: NonNullable<MemMap["tables"]>;
}

function readSections(
  kernel: KernelMemory,
  root: bigint,
  structSize: number,
  shape: SparsememShape,
  maxMapnr: number,
): Sections {
  const { info, wordSize, pageSize } = kernel;
  const size = info.size("mem_section") ?? 2 * wordSize;
  const mapOffset = info.offset("mem_section.section_mem_map") ?? 0;
  const pagesPerSection = 2 ** shape.sectionSizeBits / pageSize;
  const sections = Math.ceil(maxMapnr / pagesPerSection);
  const perRoot = Math.floor(pageSize / size);
  const extreme = isExtreme(info.length("mem_section"), shape, perRoot);
  const ranges: (MemMapRange & { readonly online: boolean })[] = [];
  const tables: { address: bigint; length: number }[] = [];
  let bad = 0;
  const visit = (nr: number, table: DataView, at: number) => {
    const coded = wordAt(table, at, wordSize, kernel.littleEndian);
    if ((coded & MARKED_PRESENT) === 0n || (coded & HAS_MEM_MAP) === 0n) return;
    const startPfn = nr * pagesPerSection;
    const biased = (coded >> FLAG_BITS) << FLAG_BITS;
    const address = BigInt.asUintN(8 * wordSize, biased + BigInt(startPfn) * BigInt(structSize));
    if (!kernel.isKernelAddress(address)) {
      bad++;
      return;
    }
    ranges.push({ startPfn, endPfn: startPfn + pagesPerSection, address, online: (coded & IS_ONLINE) !== 0n });
  };
  if (!extreme) {
    for (let nr = 0; nr < sections; nr += perRoot) {
      const count = Math.min(perRoot, sections - nr);
      const table = kernel.readView(root + BigInt(nr * size), count * size);
      for (let i = 0; table !== undefined && i < count; i++) visit(nr + i, table, i * size + mapOffset);
    }
    tables.push({ address: root, length: sections * size });
    return { ranges, bad, extreme, tables };
  }
  tables.push({ address: root, length: Math.ceil(sections / perRoot) * wordSize });
  for (let nr = 0; nr < sections; nr += perRoot) {
    const pointer = kernel.readWord(root + BigInt((nr / perRoot) * wordSize));
    if (pointer === undefined || pointer === 0n) continue;
    if (!kernel.isKernelAddress(pointer)) {
      bad++;
      continue;
    }
    const count = Math.min(perRoot, sections - nr);
    const table = kernel.readView(pointer, count * size);
    if (table !== undefined) tables.push({ address: pointer, length: count * size });
    for (let i = 0; table !== undefined && i < count; i++) visit(nr + i, table, i * size + mapOffset);
  }
  return { ranges, bad, extreme, tables };
}

/**
 * Whether the root array holds pointers to pages of sections (SPARSEMEM_EXTREME) or the sections themselves. Its length
 * shows it: 2^(MAX_PHYSMEM_BITS - SECTION_SIZE_BITS) sections, divided by the sections in a page if it holds pointers.
 */
function isExtreme(length: number | undefined, shape: SparsememShape, perRoot: number): boolean {
  if (length === undefined) return true;
  for (const bits of shape.maxPhysmemBits) {
    const sections = 2 ** Math.max(0, bits - shape.sectionSizeBits);
    if (length === Math.ceil(sections / perRoot)) return true;
    if (length === sections) return false;
  }
  return true;
}
