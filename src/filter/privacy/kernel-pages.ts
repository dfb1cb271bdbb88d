import type { AddressSpace } from "../../kernel/address-space.js";
import { supportOf } from "../../kernel/arch/archs.js";
import { readPageTables } from "../../kernel/arch/page-tables.js";
import type { PageTables } from "../../kernel/arch/table-shape.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import { countBits, setBits, sharedBitmap } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import { areaAt, directMapDistance, extentsWithin, type MappedArea, mappedAreas } from "./areas.js";
import { savedStackPointers } from "./cpu-stacks.js";
import { moduleRange } from "./module-range.js";
import { structPageReader } from "./page-reader.js";
import { percpuTeller } from "./percpu-chunks.js";
import { moduleAreas } from "./struct-modules.js";
import { isStackBottom, type StackMark } from "./thread-stack.js";

/** How many pages each rule found to be the kernel's. A page that several rules find is counted by the first. */
export interface KernelPageCounts {
  /** Page tables of the kernel's own address space. */
  pageTables: number;
  /** Struct pages. */
  memMap: number;
  /** Modules' text and data. */
  modules: number;
  /** Kernel stacks: mapped ones, and those that a CPU was on. */
  stacks: number;
  /** Per-CPU memory allocated after boot. */
  percpu: number;
}

/** Pages that are known to be the kernel's although their struct pages do not say so. */
export interface KernelPages {
  /** One bit per pfn, in shared memory. */
  readonly known: Uint8Array;
  readonly counts: KernelPageCounts;
  /** What could not be looked for, in words. */
  readonly gaps: readonly string[];
}

/** What a page of the kernel's is: the rule that found it, or `vmalloc` for what is mapped there and none of these. */
export type KernelPageRule = keyof KernelPageCounts | "vmalloc";

/** Is told of each page or range that a rule finds; `vaddr` is where the first is mapped outside of the direct map. */
export type KernelPageObserver = (
  rule: KernelPageRule,
  startPfn: number,
  endPfn: number,
  vaddr: bigint | undefined,
) => void;

/** No stack of any machine is larger: what a stack pointer leads to beyond this is no stack. */
const MAX_STACK_PAGES = 32;

/**
 * Finds the kernel's pages by its page tables, its content, and nothing else: no symbols or types are needed. What is
 * mapped outside of the direct map and is none of these (other vmalloc memory, vmap, fixmap) is not taken: users' data may
 * be in it.
 */
export function findKernelPages(
  dump: Dump,
  view: KernelView,
  stack: StackMark,
  stackTops?: Uint8Array,
  observe?: KernelPageObserver,
): KernelPages {
  const { pageSize, memory } = dump;
  const known = sharedBitmap(dump.maxMapnr);
  const space = attachSpace(view.space, memory);
  const counts: KernelPageCounts = { pageTables: 0, memMap: 0, modules: 0, stacks: 0, percpu: 0 };
  const gaps: string[] = [];
  const mark: Mark = (rule, startPfn, endPfn, vaddr) => {
    observe?.(rule, startPfn, endPfn, vaddr);
    if (rule === "vmalloc") return;
    const start = Math.max(0, Math.min(startPfn, dump.maxMapnr));
    const end = Math.min(endPfn, dump.maxMapnr);
    if (end <= start) return;
    counts[rule] += end - start - countBits(known, start, end);
    setBits(known, start, end);
  };
  markMemMap(view, space, pageSize, (start, end) => mark("memMap", start, end));
  const kernel = viewMemory(dump, view);
  const found = kernel && space.tables && tableAreas(dump, view, space, space.tables, kernel, mark, gaps);
  if (kernel !== undefined && found !== undefined) {
    markAreas(dump, view, space, kernel, found, stack, mark, gaps, stackTops);
  } else {
    gaps.push(`the kernel's page tables on ${dump.machine.arch}: modules and stacks in the vmalloc area are dropped`);
  }
  for (const pointer of savedStackPointers(dump))
    markStackAt(pointer, found?.areas ?? [], space, stack, pageSize, mark);
  return { known, counts, gaps };
}

type Mark = (rule: KernelPageRule, startPfn: number, endPfn: number, vaddr?: bigint) => void;

function markMemMap(
  { memMap, layout }: KernelView,
  space: AddressSpace,
  pageSize: number,
  found: (startPfn: number, endPfn: number) => void,
): void {
  for (let i = 0; i < memMap.count; i++) {
    const structs = (memMap.endPfn[i] as number) - (memMap.startPfn[i] as number);
    const start = memMap.address[i] as bigint;
    const end = start + BigInt(structs * layout.size);
    let at = start;
    while (at < end) {
      const part = space.translate(at);
      const length = part === undefined ? pageSize - Number(at % BigInt(pageSize)) : part.length;
      const bytes = Math.min(length, Number(end - at));
      if (part !== undefined) found(Math.floor(part.paddr / pageSize), Math.ceil((part.paddr + bytes) / pageSize));
      at += BigInt(bytes);
    }
  }
}

interface TableAreas {
  readonly areas: readonly MappedArea[];
  /** Whether an address is in the direct map or the image. */
  isLinear(vaddr: bigint): boolean;
}

/** Marks the tables, and finds what they map apart from the direct map and the image. */
function tableAreas(
  dump: Dump,
  { space: image, memMap }: KernelView,
  space: AddressSpace,
  tables: PageTables,
  kernel: KernelMemory,
  mark: Mark,
  gaps: string[],
): TableAreas {
  const { pageSize, memory } = dump;
  const contents = readPageTables(tables, memory, pageSize, (paddr, bytes) =>
    mark("pageTables", Math.floor(paddr / pageSize), Math.ceil((paddr + bytes) / pageSize)),
  );
  if (contents.unreadable > 0) gaps.push(`${contents.unreadable} of the kernel's page tables, which the dump lacks`);
  const top = tables.shape.levels[0];
  const bits = top === undefined ? 64 : top.shift + top.bits;
  const pageOf = (vaddr: bigint) => Number((vaddr & ((1n << BigInt(bits)) - 1n)) / BigInt(pageSize));
  const support = supportOf(image);
  const addressOf = (vpn: number) => {
    const address = BigInt(vpn) * BigInt(pageSize);
    return support.wholeAddress?.(address, bits) ?? address;
  };
  const linear = new Set<number>();
  const memoryPages = dump.ranges.reduce((sum, { start, end }) => sum + (end - start) / pageSize, 0);
  const direct = directMapDistance(contents.extents, memMap, memoryPages);
  if (direct !== undefined) linear.add(direct);
  // The kernel's image: its memory is reserved, and what was given back of it (init text) may be anybody's.
  const symbol = kernel.info.symbol("init_uts_ns") ?? kernel.info.symbol("_stext");
  const place = symbol === undefined ? undefined : space.translate(symbol);
  if (symbol !== undefined && place !== undefined) {
    linear.add(pageOf(symbol) - Math.floor(place.paddr / pageSize));
  }
  const within = extentsWithin(contents.extents, linear, dump.maxMapnr);
  if (contents.cut || within.cut) gaps.push("part of the kernel's page tables, of which there are too many");
  return {
    areas: mappedAreas(within.extents, linear, addressOf),
    isLinear(vaddr) {
      const place = space.translate(vaddr);
      return place !== undefined && linear.has(pageOf(vaddr) - Math.floor(place.paddr / pageSize));
    },
  };
}

function markAreas(
  dump: Dump,
  view: KernelView,
  space: AddressSpace,
  kernel: KernelMemory,
  { areas, isLinear }: TableAreas,
  stack: StackMark,
  mark: Mark,
  gaps: string[],
  stackTops: Uint8Array | undefined,
): void {
  const { pageSize, memory } = dump;
  const page = new DataView(new ArrayBuffer(pageSize));
  const readPage = (pfn: number): DataView | undefined =>
    memory.read(new Uint8Array(page.buffer), pfn * pageSize) === pageSize ? page : undefined;
  const structs = structPageReader(space, memory, view.memMap, view.layout);
  const pfnOf = (vaddr: bigint) => {
    const place = space.translate(vaddr);
    return place === undefined ? undefined : Math.floor(place.paddr / pageSize);
  };
  const percpu = percpuTeller(kernel, view.layout, structs, pfnOf, isLinear);
  const range = moduleRange(view.space, kernel.info);
  const others: MappedArea[] = [];
  for (const area of areas) {
    const { vaddr, pfns } = area;
    const bottom = pfns.length <= MAX_STACK_PAGES ? readPage(pfns[0] as number) : undefined;
    if (range !== undefined && vaddr >= range.start && vaddr < range.end) markAll("modules", area, pageSize, mark);
    else if (bottom !== undefined && isStackBottom(bottom, stack)) {
      markAll("stacks", area, pageSize, mark);
      const top = pfns.at(-1) as number;
      if (stackTops !== undefined && top < dump.maxMapnr) setBits(stackTops, top, top + 1);
    } else others.push(area);
  }
  if (range?.mayOverflow !== false) {
    const modules = moduleAreas(kernel, others, readPage);
    for (const area of modules.areas) markAll("modules", area, pageSize, mark);
    if (modules.cut) gaps.push("modules in the vmalloc area, of which there is too much");
  }
  for (const { vaddr, pfns } of others) {
    for (let i = 0; i < pfns.length; i++) {
      const pfn = pfns[i] as number;
      const struct = structs.read(pfn);
      const at = vaddr + BigInt(i * pageSize);
      mark(struct !== undefined && percpu.isPercpu(struct, at) ? "percpu" : "vmalloc", pfn, pfn + 1, at);
    }
  }
}

function markAll(rule: keyof KernelPageCounts, { pfns, vaddr }: MappedArea, pageSize: number, mark: Mark): void {
  pfns.forEach((pfn, i) => {
    mark(rule, pfn, pfn + 1, vaddr + BigInt(i * pageSize));
  });
}

/** The stack that a CPU was on: an interrupt's has no mark. */
function markStackAt(
  pointer: bigint,
  areas: readonly MappedArea[],
  space: AddressSpace,
  { pages }: StackMark,
  pageSize: number,
  mark: Mark,
): void {
  const area = areaAt(areas, pointer, pageSize);
  if (area !== undefined) {
    if (area.pfns.length <= MAX_STACK_PAGES) markAll("stacks", area, pageSize, mark);
    return;
  }
  const place = space.translate(pointer);
  if (place === undefined || pages === 0) return;
  const pfn = Math.floor(place.paddr / pageSize);
  const start = pfn - (pfn % pages);
  mark("stacks", start, start + pages);
}
