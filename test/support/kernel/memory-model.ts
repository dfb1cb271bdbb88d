/** How a kernel finds the struct page of a page frame: the memory models, laid out in memory. */

import type { MemoryRange } from "../memory.js";
import { IMAGE, type KernelSpace, VARIABLE } from "./space.js";
import type { KernelFeatures } from "./versions.js";

export type MemoryModel = "sparse-vmemmap" | "sparse-extreme" | "sparse-static" | "flatmem" | "discontig";

/** A half-open range of page frames. */
export interface PfnRange {
  readonly start: number;
  readonly end: number;
}

export interface ModelOptions {
  readonly model: MemoryModel;
  readonly structSize: number;
  /** Size of struct mem_section: 16, or 32 with page_ext. */
  readonly sectionSize: 16 | 32;
  readonly sectionFlags?: number;
  readonly sectionsWithoutMemMap: readonly number[];
  /** Parts of the virtual memmap that are not mapped. */
  readonly unmapped: readonly PfnRange[];
  /** Page size of the virtual memmap. */
  readonly vmemmapPageSize: number;
}

/** What VMCOREINFO says of the model. */
export interface SectionInfo {
  readonly address: bigint;
  readonly length: number;
  readonly size: number;
}

export interface MemMap {
  readonly sections: SectionInfo | undefined;
  /** Page frames that have a struct page; ascending, apart. */
  readonly covered: readonly PfnRange[];
  structAddress(pfn: number): bigint;
  /** Writes a struct page; false if its memory is not mapped. */
  write(pfn: number, bytes: Uint8Array): boolean;
  /** Where the first byte of a struct page is; undefined if not mapped. */
  physicalOf(pfn: number): number | undefined;
}

/** Number of bytes the kernel's image needs for its part of the model. */
export function imageBytesOfModel(space: SectionGeometry, model: MemoryModel, allocated: boolean): number {
  if (model === "sparse-static") {
    return space.sections * space.sectionSize;
  }
  return model.startsWith("sparse") && !allocated ? space.roots * 8 : 0;
}

export interface SectionGeometry {
  readonly pagesPerSection: number;
  readonly sections: number;
  readonly sectionSize: number;
  readonly perRoot: number;
  readonly roots: number;
}

export function sectionGeometry(
  pageSize: number,
  sectionSizeBits: number,
  maxPhysmemBits: number,
  sectionSize: number,
): SectionGeometry {
  const sections = 2 ** (maxPhysmemBits - sectionSizeBits);
  const perRoot = Math.floor(pageSize / sectionSize);
  const roots = Math.ceil(sections / perRoot);
  return { pagesPerSection: 2 ** sectionSizeBits / pageSize, sections, sectionSize, perRoot, roots };
}

/** Lays out the model that `options` asks for. */
export function layOutModel(
  space: KernelSpace,
  features: KernelFeatures,
  geometry: SectionGeometry,
  options: ModelOptions,
): MemMap {
  switch (options.model) {
    case "flatmem":
    case "discontig":
      return layOutFlat(space, options);
    default:
      return layOutSparse(space, features, geometry, options);
  }
}

/** One array for all (flatmem), or one per range of memory (discontig: each range is a node). */
function layOutFlat(space: KernelSpace, options: ModelOptions): MemMap {
  const page = space.arch.pageSize;
  const all = space.options.ranges.map((range) => pfnsOf(range, page));
  const last = Math.max(...all.map((range) => range.end));
  const covered = options.model === "flatmem" ? [{ start: 0, end: last }] : all;
  const arrays = covered.map((range) => contiguous(space, range, options.structSize));
  if (options.model === "flatmem") {
    space.writeImage(IMAGE.variables + VARIABLE.memMap, 8, arrays[0]?.structAddress(0) ?? 0n);
  }
  return joined(space, arrays, options.structSize);
}

function layOutSparse(
  space: KernelSpace,
  features: KernelFeatures,
  geometry: SectionGeometry,
  options: ModelOptions,
): MemMap {
  const page = space.arch.pageSize;
  const present = new Set<number>();
  for (const range of space.options.ranges) {
    const pfns = pfnsOf(range, page);
    for (
      let section = Math.floor(pfns.start / geometry.pagesPerSection);
      section * geometry.pagesPerSection < pfns.end;
      section++
    ) {
      present.add(section);
    }
  }
  const without = new Set(options.sectionsWithoutMemMap);
  const numbers = [...present].sort((a, b) => a - b);
  const covered = numbers
    .filter((section) => !without.has(section))
    .map((section) => ({
      start: section * geometry.pagesPerSection,
      end: (section + 1) * geometry.pagesPerSection,
    }));

  let map: MemMap;
  if (options.model === "sparse-vmemmap") {
    map = virtualMap(space, covered, options);
  } else {
    const arrays = covered.map((range) => contiguous(space, range, options.structSize));
    map = joined(space, arrays, options.structSize);
  }
  const table = sectionTable(space, features, geometry, options.model);
  for (const range of covered) {
    const section = range.start / geometry.pagesPerSection;
    const biased = map.structAddress(range.start) - BigInt(range.start * options.structSize);
    const flags = options.sectionFlags ?? features.sectionFlags;
    space.memory.writeInteger(table.place(section), 8, BigInt.asUintN(64, biased) | BigInt(flags));
  }
  return { ...map, sections: table.info };
}

/** The table of sections: one array, or roots that are allocated as needed. */
function sectionTable(
  space: KernelSpace,
  features: KernelFeatures,
  geometry: SectionGeometry,
  model: MemoryModel,
): { readonly info: SectionInfo; readonly place: (section: number) => number } {
  const inImage = space.imagePhysical + IMAGE.memSection;
  if (model === "sparse-static") {
    return {
      info: { address: space.imageAddress(IMAGE.memSection), length: geometry.sections, size: geometry.sectionSize },
      place: (section) => inImage + section * geometry.sectionSize,
    };
  }
  const page = space.arch.pageSize;
  const bytes = Math.ceil((geometry.roots * 8) / page) * page;
  const physical = features.sectionsAllocated ? space.allocate(bytes, page) : inImage;
  const address = features.sectionsAllocated ? space.directAddress(physical) : space.imageAddress(IMAGE.memSection);
  const roots = new Map<number, number>();
  const place = (section: number): number => {
    const root = Math.floor(section / geometry.perRoot);
    let at = roots.get(root);
    if (at === undefined) {
      at = space.allocate(page, page);
      roots.set(root, at);
      space.memory.writeInteger(physical + root * 8, 8, space.directAddress(at));
    }
    return at + (section % geometry.perRoot) * geometry.sectionSize;
  };
  return { info: { address, length: geometry.roots, size: geometry.sectionSize }, place };
}

/** struct pages at their place in the virtual memmap, backed by pages of its own. */
function virtualMap(space: KernelSpace, covered: readonly PfnRange[], options: ModelOptions): MemMap {
  const unit = options.vmemmapPageSize;
  const size = options.structSize;
  const backing = new Map<number, number>();
  const wanted = cutOut(covered, options.unmapped);
  for (const range of wanted) {
    for (let at = Math.floor((range.start * size) / unit); at * unit < range.end * size; at++) {
      if (!backing.has(at)) {
        const physical = space.allocate(unit, unit);
        backing.set(at, physical);
        space.tables.map(space.layout.vmemmap + BigInt(at) * BigInt(unit), physical, unit, unit);
      }
    }
  }
  const physicalAt = (offset: number): number | undefined => {
    const base = backing.get(Math.floor(offset / unit));
    return base === undefined ? undefined : base + (offset % unit);
  };
  return {
    sections: undefined,
    covered,
    structAddress: (pfn) => space.layout.vmemmap + BigInt(pfn) * BigInt(size),
    physicalOf: (pfn) => physicalAt(pfn * size),
    write: (pfn, bytes) => {
      let whole = true;
      for (let done = 0; done < bytes.length; ) {
        const offset = pfn * size + done;
        const part = Math.min(bytes.length - done, unit - (offset % unit));
        const physical = physicalAt(offset);
        if (physical === undefined) {
          whole = false;
        } else {
          space.memory.write(physical, bytes.subarray(done, done + part));
        }
        done += part;
      }
      return whole;
    },
  };
}

interface StructArray {
  readonly range: PfnRange;
  readonly physical: number;
  structAddress(pfn: number): bigint;
}

/** An array of struct pages in one piece of physical memory. */
function contiguous(space: KernelSpace, range: PfnRange, structSize: number): StructArray {
  const page = space.arch.pageSize;
  const bytes = Math.ceil(((range.end - range.start) * structSize) / page) * page;
  const physical = space.allocate(bytes, page);
  const base = space.directAddress(physical);
  return { range, physical, structAddress: (pfn) => base + BigInt((pfn - range.start) * structSize) };
}

function joined(space: KernelSpace, arrays: readonly StructArray[], structSize: number): MemMap {
  const arrayOf = (pfn: number): StructArray | undefined =>
    arrays.find((array) => pfn >= array.range.start && pfn < array.range.end);
  const physicalOf = (pfn: number): number | undefined => {
    const array = arrayOf(pfn);
    return array && array.physical + (pfn - array.range.start) * structSize;
  };
  return {
    sections: undefined,
    covered: arrays.map((array) => array.range),
    structAddress: (pfn) => arrayOf(pfn)?.structAddress(pfn) ?? 0n,
    physicalOf,
    write: (pfn, bytes) => {
      const physical = physicalOf(pfn);
      if (physical !== undefined) {
        space.memory.write(physical, bytes);
      }
      return physical !== undefined;
    },
  };
}

/** The page frames of a range of memory, a partial one at either end included. */
export function pfnsOf(range: MemoryRange, pageSize: number): PfnRange {
  return { start: Math.floor(range.start / pageSize), end: Math.ceil(range.end / pageSize) };
}

function cutOut(ranges: readonly PfnRange[], holes: readonly PfnRange[]): PfnRange[] {
  let left: PfnRange[] = [...ranges];
  for (const hole of holes) {
    left = left.flatMap((range) => [
      { start: range.start, end: Math.min(range.end, hole.start) },
      { start: Math.max(range.start, hole.end), end: range.end },
    ]);
    left = left.filter((range) => range.start < range.end);
  }
  return left;
}
