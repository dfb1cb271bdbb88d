import type { AddressSpace } from "../../kernel/address-space.js";
import { supportOf } from "../../kernel/arch/archs.js";
import { type MappedExtent, readPageTables } from "../../kernel/arch/page-tables.js";
import { walkTables } from "../../kernel/arch/page-walk.js";
import type { PageTables } from "../../kernel/arch/table-shape.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import { stretchesOf } from "../../reader/attach.js";
import { countBits, type PageBitmap, setBits, sharedBitmap, testBit } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import type { PhysicalRange } from "../../reader/physical-memory.js";
import { firstAbove } from "../../sorted.js";
import { areaAt, directMapDistance, extentsWithin, type MappedArea, mappedAreas } from "./areas.js";
import { savedStackPointers, usedTopTables } from "./cpu-stacks.js";
import { coversPages, linearMemory } from "./linear-memory.js";
import { moduleRange } from "./module-range.js";
import { structPageReader } from "./page-reader.js";
import { percpuTest } from "./percpu-chunks.js";
import { moduleAreas } from "./struct-modules.js";
import { isStackBottom, type StackMark } from "./thread-stack.js";

/** How many pages each rule found to be the kernel's. A page that several rules find is counted by the first one. */
export interface KernelPageCounts {
  /** Page tables of the kernel's own address space. */
  pageTables: number;
  /** Struct pages. */
  memMap: number;
  /** Modules' text and data. */
  modules: number;
  /** Kernel stacks: mapped ones, and those on which a CPU was. */
  stacks: number;
  /** Per-CPU memory allocated after boot. */
  percpu: number;
  /** Large objects to which the kernel's lists lead: network devices, tables of open files. */
  objects: number;
}

/** Pages that are known to be the kernel's although their struct pages do not show it. */
export interface KernelPages {
  /** One bit per pfn, in shared memory. */
  readonly known: PageBitmap;
  readonly counts: KernelPageCounts;
  /** What could not be searched for, in words. */
  readonly gaps: readonly string[];
  /** What the page tables map; `undefined` if they could not be read. */
  readonly mapped: KernelMappings | undefined;
  /** The memory of the direct map and the image; `undefined` if the page tables do not show all of it. */
  readonly linear: readonly PfnRange[] | undefined;
  readonly stacks: readonly MappedStack[];
}

/** A stack that is mapped outside of the direct map, or anything there that begins with the mark of one. */
export interface MappedStack {
  /** The lowest one. */
  readonly address: bigint;
  readonly bytes: number;
}

/** What the kernel's page tables map, whatever it is. */
export interface KernelMappings {
  /** Mapped addresses, ascending; small gaps are included. */
  readonly addresses: readonly { readonly start: bigint; readonly end: bigint }[];
  /** Page frames of the image, if it has a mapping of its own. */
  readonly image: readonly { readonly startPfn: number; readonly endPfn: number }[];
}

/** The rule that found a kernel page, or `vmalloc` for other mapped pages. */
export type KernelPageRule = keyof KernelPageCounts | "vmalloc";

/**
 * Called for each page or range that a rule finds; `vaddr` is the address of the first page outside of the direct map.
 */
export type KernelPageObserver = (
  rule: KernelPageRule,
  startPfn: number,
  endPfn: number,
  vaddr: bigint | undefined,
) => void;

/** No machine has larger stacks: a stack pointer outside of this leads to no stack. */
const MAX_STACK_PAGES = 32;

/**
 * Finds the kernel's pages only by its page tables and its content: needs no symbols or types. Other memory that is
 * mapped outside of the direct map (other vmalloc memory, vmap, fixmap) does not count, because it may contain users'
 * data. Marks the last pages of stacks in `stackTops`.
 */
export function findKernelPages(
  dump: Dump,
  view: KernelView,
  stack: StackMark,
  stackTops?: PageBitmap,
  observe?: KernelPageObserver,
): KernelPages {
  const search = new KernelPageSearch(dump, view, stack, stackTops, observe);
  search.run();
  const { known, counts, gaps, mapped, linear, stacks } = search;
  return { known, counts, gaps, mapped, linear, stacks };
}

class KernelPageSearch implements KernelPages {
  readonly known: PageBitmap;
  readonly counts: KernelPageCounts = { pageTables: 0, memMap: 0, modules: 0, stacks: 0, percpu: 0, objects: 0 };
  readonly gaps: string[] = [];
  mapped: KernelMappings | undefined;
  linear: readonly PfnRange[] | undefined;
  readonly stacks: MappedStack[] = [];
  readonly #dump: Dump;
  readonly #view: KernelView;
  readonly #space: AddressSpace;
  readonly #stack: StackMark;
  readonly #stackTops: PageBitmap | undefined;
  readonly #observe: KernelPageObserver | undefined;

  constructor(
    dump: Dump,
    view: KernelView,
    stack: StackMark,
    stackTops: PageBitmap | undefined,
    observe: KernelPageObserver | undefined,
  ) {
    this.known = sharedBitmap(stretchesOf(dump.image));
    this.#dump = dump;
    this.#view = view;
    this.#space = attachSpace(view.space, dump.memory);
    this.#stack = stack;
    this.#stackTops = stackTops;
    this.#observe = observe;
  }

  run(): void {
    const dump = this.#dump;
    const { tables } = this.#space;
    this.#markMemMap();
    const kernel = viewMemory(dump, this.#view);
    const found = kernel && tables && this.#tableAreas(tables, kernel);
    if (kernel !== undefined && found !== undefined) this.#markAreas(kernel, found);
    else {
      this.gaps.push(
        `the kernel's page tables on ${dump.machine.arch}: modules and stacks in the vmalloc area are dropped`,
      );
    }
    for (const pointer of savedStackPointers(dump, this.#view.lowestAddress))
      this.#markStackAt(pointer, found?.areas ?? []);
  }

  #mark(rule: KernelPageRule, startPfn: number, endPfn: number, vaddr?: bigint): void {
    this.#observe?.(rule, startPfn, endPfn, vaddr);
    if (rule === "vmalloc") return;
    const start = Math.max(0, Math.min(startPfn, this.#dump.maxMapnr));
    const end = Math.min(endPfn, this.#dump.maxMapnr);
    if (end <= start) return;
    const before = countBits(this.known, start, end);
    setBits(this.known, start, end);
    this.counts[rule] += countBits(this.known, start, end) - before;
  }

  #markAll(rule: keyof KernelPageCounts, { pfns, vaddr }: MappedArea): void {
    pfns.forEach((pfn, i) => {
      this.#mark(rule, pfn, pfn + 1, vaddr + BigInt(i * this.#dump.pageSize));
    });
  }

  /** Marks all pages that a range of physical memory touches. */
  #markBytes(rule: keyof KernelPageCounts, paddr: number, bytes: number): void {
    const { pageSize } = this.#dump;
    this.#mark(rule, Math.floor(paddr / pageSize), Math.ceil((paddr + bytes) / pageSize));
  }

  #markMemMap(): void {
    const { memMap, layout } = this.#view;
    const { pageSize } = this.#dump;
    for (let i = 0; i < memMap.count; i++) {
      const structs = (memMap.endPfn[i] as number) - (memMap.startPfn[i] as number);
      const start = memMap.address[i] as bigint;
      const end = start + BigInt(structs * layout.size);
      let at = start;
      while (at < end) {
        const part = this.#space.translate(at);
        const length = part === undefined ? pageSize - Number(at % BigInt(pageSize)) : part.length;
        const bytes = Math.min(length, Number(end - at));
        if (part !== undefined) this.#markBytes("memMap", part.paddr, bytes);
        at += BigInt(bytes);
      }
    }
  }

  /** Marks the tables, and finds what they map in addition to the direct map and the image. */
  #tableAreas(tables: PageTables, kernel: KernelMemory): TableAreas {
    const { pageSize, memory, maxMapnr, ranges } = this.#dump;
    const space = this.#space;
    const contents = readPageTables(tables, memory, pageSize, (paddr, bytes) =>
      this.#markBytes("pageTables", paddr, bytes),
    );
    if (contents.unreadable > 0)
      this.gaps.push(`${contents.unreadable} of the kernel's page tables, which the dump lacks`);
    const top = tables.shape.levels[0];
    const bits = top === undefined ? 64 : top.shift + top.bits;
    const pageOf = (vaddr: bigint) => Number((vaddr & ((1n << BigInt(bits)) - 1n)) / BigInt(pageSize));
    const support = supportOf(this.#view.space);
    const addressOf = (vpn: number) => {
      const address = BigInt(vpn) * BigInt(pageSize);
      return support.wholeAddress?.(address, bits) ?? address;
    };
    const linear = new Set<number>();
    const memoryPages = ranges.reduce((sum, { start, end }) => sum + (end - start) / pageSize, 0);
    const direct = directMapDistance(contents.extents, this.#view.memMap, memoryPages);
    if (direct !== undefined) linear.add(direct);
    // The kernel's image: its memory is reserved, and freed parts of it (init text) may belong to anybody.
    const symbol = kernel.info.symbol("init_uts_ns") ?? kernel.info.symbol("_stext");
    const place = symbol === undefined ? undefined : space.translate(symbol);
    if (symbol !== undefined && place !== undefined) {
      const image = pageOf(symbol) - Math.floor(place.paddr / pageSize);
      this.mapped = mappedKernel(contents.extents, addressOf, pageSize, image === direct ? undefined : image);
      linear.add(image);
      // Of processes that CPUs were in, the top table, where libkdumpfile (drgn) begins to translate.
      for (const root of usedTopTables(this.#dump)) {
        const used = walkTables({ ...tables.shape, root }, memory, tables.decode);
        if (used.translate(symbol)?.paddr === place.paddr) this.#markBytes("pageTables", root, pageSize);
      }
    }
    if (direct !== undefined && place !== undefined && contents.unreadable === 0 && !contents.cut) {
      // On machines whose direct map is no page table's (LoongArch, ia64, sparc64) any vmalloc area may look like one.
      const own = [place.paddr, tables.shape.root].map((paddr) => Math.floor(paddr / pageSize));
      const found = linearMemory(contents.extents, linear);
      if (found !== undefined && coversPages(found, own)) this.linear = found;
    }
    const within = extentsWithin(contents.extents, linear, maxMapnr);
    if (contents.cut || within.cut) this.gaps.push("part of the kernel's page tables, of which there are too many");
    // Struct pages are known already, and no dump contains devices' memory (256 MiB of PCI configuration on a PC).
    const memoryAt = memoryTest(ranges, pageSize);
    const isOther = ({ vpn, pfn, pages }: MappedExtent) => {
      if (linear.has(vpn - pfn)) return true;
      const { end, isMemory } = memoryAt(pfn);
      return (isMemory || end < pfn + pages) && countBits(this.known, pfn, pfn + pages) < pages;
    };
    return {
      areas: mappedAreas(within.extents.filter(isOther), linear, addressOf),
      isLinear(vaddr) {
        const place = space.translate(vaddr);
        return place !== undefined && linear.has(pageOf(vaddr) - Math.floor(place.paddr / pageSize));
      },
    };
  }

  #markAreas(kernel: KernelMemory, { areas, isLinear }: TableAreas): void {
    const { pageSize, memory, maxMapnr } = this.#dump;
    const page = new DataView(new ArrayBuffer(pageSize));
    const readPage = (pfn: number): DataView | undefined =>
      memory.read(new Uint8Array(page.buffer), pfn * pageSize) === pageSize ? page : undefined;
    const range = moduleRange(this.#view.space, kernel.info);
    const others: MappedArea[] = [];
    for (const area of areas) {
      const { vaddr, pfns } = area;
      const bottom = pfns.length <= MAX_STACK_PAGES ? readPage(pfns[0] as number) : undefined;
      if (range !== undefined && vaddr >= range.start && vaddr < range.end) this.#markAll("modules", area);
      else if (bottom !== undefined && isStackBottom(bottom, this.#stack)) {
        this.#markAll("stacks", area);
        this.stacks.push({ address: vaddr, bytes: pfns.length * pageSize });
        const top = pfns.at(-1) as number;
        if (this.#stackTops !== undefined && top < maxMapnr) setBits(this.#stackTops, top, top + 1);
      } else others.push(area);
    }
    if (range?.mayOverflow !== false) {
      const modules = moduleAreas(kernel, others, readPage);
      for (const area of modules.areas) this.#markAll("modules", area);
      if (modules.cut) this.gaps.push("modules in the vmalloc area, of which there is too much");
    }
    this.#markPercpu(kernel, others, isLinear);
  }

  /**
   * Checks the rest of the areas page by page: per-CPU memory, or other vmalloc memory. Costs 1.6 us per page of memory
   * that is not known already.
   */
  #markPercpu(kernel: KernelMemory, areas: readonly MappedArea[], isLinear: (vaddr: bigint) => boolean): void {
    const { pageSize, memory } = this.#dump;
    const { memMap, layout } = this.#view;
    const structs = structPageReader(this.#space, memory, memMap, layout);
    const pfnOf = (vaddr: bigint) => {
      const place = this.#space.translate(vaddr);
      return place === undefined ? undefined : Math.floor(place.paddr / pageSize);
    };
    const percpu = percpuTest(kernel, layout, structs, pfnOf, isLinear);
    const memoryAt = memoryTest(this.#dump.ranges, pageSize);
    for (const { vaddr, pfns } of areas) {
      // Pages [start, end) that are all memory, or all not.
      let found = { start: 0, end: 0, isMemory: false };
      for (let i = 0; i < pfns.length; i++) {
        const pfn = pfns[i] as number;
        if (pfn < found.start || pfn >= found.end) found = memoryAt(pfn);
        if (!found.isMemory || testBit(this.known, pfn)) continue;
        const struct = structs.read(pfn);
        const at = vaddr + BigInt(i * pageSize);
        this.#mark(struct !== undefined && percpu.isPercpu(struct, at) ? "percpu" : "vmalloc", pfn, pfn + 1, at);
      }
    }
  }

  /** Marks the stack on which a CPU was: an interrupt stack has no mark. */
  #markStackAt(pointer: bigint, areas: readonly MappedArea[]): void {
    const { pageSize } = this.#dump;
    const { pages } = this.#stack;
    const area = areaAt(areas, pointer, pageSize);
    if (area !== undefined) {
      if (area.pfns.length <= MAX_STACK_PAGES) this.#markAll("stacks", area);
      return;
    }
    const place = this.#space.translate(pointer);
    if (place === undefined || pages === 0) return;
    const pfn = Math.floor(place.paddr / pageSize);
    const start = pfn - (pfn % pages);
    this.#mark("stacks", start, start + pages);
  }
}

/**
 * Returns a function that tests whether the dump has memory of a page, and for which pages around it the same is true.
 */
function memoryTest(
  ranges: readonly PhysicalRange[],
  pageSize: number,
): (pfn: number) => { readonly start: number; readonly end: number; readonly isMemory: boolean } {
  const starts = Float64Array.from(ranges, ({ start }) => start);
  return (pfn) => {
    const next = firstAbove(starts, (pfn + 1) * pageSize - 1);
    const range = ranges[next - 1];
    const isMemory = range !== undefined && range.end > pfn * pageSize;
    const end = isMemory
      ? Math.ceil(range.end / pageSize)
      : Math.floor((starts[next] ?? Number.POSITIVE_INFINITY) / pageSize);
    return { start: pfn, end, isMemory };
  };
}

/** The largest gap between mapped addresses that is ignored: vmalloc leaves a page behind each area. */
const SMALL_GAP = 256;

function mappedKernel(
  extents: readonly MappedExtent[],
  addressOf: (vpn: number) => bigint,
  pageSize: number,
  image: number | undefined,
): KernelMappings {
  const pages: { start: number; end: number }[] = [];
  for (const { vpn, pages: length } of extents) {
    const last = pages.at(-1);
    if (last !== undefined && vpn - last.end <= SMALL_GAP) last.end = Math.max(last.end, vpn + length);
    else pages.push({ start: vpn, end: vpn + length });
  }
  return {
    addresses: pages.map(({ start, end }) => ({
      start: addressOf(start),
      end: addressOf(start) + BigInt(end - start) * BigInt(pageSize),
    })),
    image: extents
      .filter(({ vpn, pfn }) => vpn - pfn === image)
      .map(({ pfn, pages: length }) => ({ startPfn: pfn, endPfn: pfn + length })),
  };
}

interface TableAreas {
  readonly areas: readonly MappedArea[];
  /** Whether an address is in the direct map or the image. */
  isLinear(vaddr: bigint): boolean;
}
