/** Filling the memory that has been laid out: utsname, struct pages and the pages themselves. */

import { ByteBuffer } from "../bytes.js";
import { type Utsname, writeUtsname } from "../kdump-header.js";
import type { MemoryRange } from "../memory.js";
import { type MemMap, type MemoryModel, type PfnRange, pfnsOf } from "./memory-model.js";
import { blockPages, type KnownMarks, type PageDescription, type Verdict, verdictsOf } from "./page-kinds.js";
import { IMAGE, type KernelSpace, VARIABLE } from "./space.js";
import { blockFields, encodeFields, plainPage, reservedPage, type StructContext } from "./struct-page.js";
import type { KernelFeatures } from "./versions.js";
import type { ListLinks } from "./zones.js";

/** Descriptions with `count` taken apart: one entry per block. */
export function expandBlocks(pages: readonly PageDescription[]): PageDescription[] {
  return pages.flatMap((page) => {
    return Array.from({ length: page.count ?? 1 }, (_, index) => ({
      ...page,
      count: 1,
      pfn: page.pfn + index * blockPages(page),
    }));
  });
}

/** Every page frame of the blocks; none may be in two. */
export function claimPages(blocks: readonly PageDescription[]): Set<number> {
  const claimed = new Set<number>();
  for (const block of blocks) {
    for (let pfn = block.pfn; pfn < block.pfn + blockPages(block); pfn++) {
      if (claimed.has(pfn)) {
        throw new Error(`pfn ${pfn} is described twice`);
      }
      claimed.add(pfn);
    }
  }
  return claimed;
}

/** Text that is no zero page, the names of the kernel, and the few variables it keeps. */
export function writeImage(space: KernelSpace, features: KernelFeatures, utsname: Utsname): void {
  const names = new ByteBuffer(space.arch.byteOrder, 512);
  writeUtsname(names, utsname);
  space.memory.writePattern(space.imagePhysical, space.arch.pageSize, "kernel text ");
  space.memory.write(space.imagePhysical + IMAGE.initUtsNs + features.utsnameOffset, names.toBytes());
  space.writeImage(IMAGE.variables + VARIABLE.physBase, 8, space.options.physBase);
  const list = IMAGE.variables + VARIABLE.vmapAreaList;
  space.writeImage(list, 8, space.imageAddress(list));
  space.writeImage(list + 8, 8, space.imageAddress(list));
}

/** One node for all memory; with discontigmem one per range. */
export function nodesOf(ranges: readonly MemoryRange[], model: MemoryModel, pageSize: number): PfnRange[] {
  const all = ranges.map((range) => pfnsOf(range, pageSize));
  if (model === "discontig") {
    return all;
  }
  return [{ start: Math.min(...all.map((one) => one.start)), end: Math.max(...all.map((one) => one.end)) }];
}

/** As many struct pages are written in one go: a section has 32,768. */
const AT_ONCE = 512;

/** A struct page for every page frame that has one: plain in memory, reserved outside. */
export function writeDefaultStructs(space: KernelSpace, map: MemMap, context: StructContext): void {
  const repeated = (one: Uint8Array) => new Uint8Array(Buffer.alloc(one.length * AT_ONCE, one));
  const plain = repeated(encodeFields(plainPage(), context));
  const reserved = repeated(encodeFields(reservedPage(context.features), context));
  const inMemory = space.options.ranges.map((range) => pfnsOf(range, space.arch.pageSize));
  const borders = inMemory.flatMap(({ start, end }) => [start, end]);
  for (const range of map.covered) {
    for (let pfn = range.start; pfn < range.end; ) {
      const end = Math.min(range.end, pfn + AT_ONCE, ...borders.filter((border) => border > pfn));
      const present = inMemory.some((one) => pfn >= one.start && pfn < one.end);
      map.write(pfn, (present ? plain : reserved).subarray(0, (end - pfn) * context.structSize));
      pfn = end;
    }
  }
}

/** Struct pages and contents of the described blocks; returns what each page may be classed as. */
export function writeBlocks(
  space: KernelSpace,
  map: MemMap,
  blocks: readonly PageDescription[],
  links: ReadonlyMap<number, ListLinks>,
  context: StructContext,
  marks: KnownMarks,
): Map<number, readonly Verdict[]> {
  const verdicts = new Map<number, readonly Verdict[]>();
  for (const block of blocks) {
    const pages = blockPages(block);
    const found = verdictsOf(block, marks);
    const fields = blockFields(block, block.pfn, pages, context);
    const link = links.get(block.pfn);
    const first = fields[0];
    if (link !== undefined && first !== undefined) {
      first.lruNext = link.next;
      first.lruPrev = link.prev;
    }
    if (block.kind === "reserved" && first !== undefined) {
      // Never given out: its list is still empty, and names itself.
      first.lruNext = map.structAddress(block.pfn) + BigInt(context.features.layout.lru);
      first.lruPrev = first.lruNext;
    }
    const mapped = map.physicalOf(block.pfn) !== undefined;
    fields.forEach((one, index) => {
      map.write(block.pfn + index, encodeFields(one, context));
      verdicts.set(block.pfn + index, mapped ? found : []);
      writeContent(space, block, index);
    });
  }
  return verdicts;
}

function writeContent(space: KernelSpace, block: PageDescription, index: number): void {
  const page = space.arch.pageSize;
  const pfn = block.pfn + index;
  const content = block.content ?? "pattern";
  if (content === "zero") {
    return;
  }
  if (content === "pattern") {
    space.memory.writePattern(pfn * page, page, `${block.kind} page at pfn ${pfn.toString(16)}; `);
    return;
  }
  const start = content.length > page ? index * page : 0;
  space.memory.write(pfn * page, content.subarray(start, start + page));
}

/**
 * As the kernel saves memory on hugetlb pages: all struct pages behind the first 4 KiB of them show those first 4 KiB
 * again, so that the ones in between look like heads.
 */
export function shareTailStructs(space: KernelSpace, map: MemMap, block: PageDescription, structSize: number): void {
  const unit = space.arch.pageSize;
  const start = block.pfn * structSize;
  const end = start + blockPages(block) * structSize;
  const physical = map.physicalOf(block.pfn);
  if (physical === undefined || start % unit !== 0 || end % unit !== 0) {
    throw new Error(`struct pages of pfn ${block.pfn} do not fill pages of their own`);
  }
  for (let at = start + unit; at < end; at += unit) {
    space.tables.map(space.layout.vmemmap + BigInt(at), physical, unit, unit);
  }
}

/** Every page frame that is wholly or partly in one of the ranges, ascending. */
export function* pfnsOfRanges(ranges: readonly MemoryRange[], pageSize: number): Generator<number> {
  let next = 0;
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const pfns = pfnsOf(range, pageSize);
    for (next = Math.max(next, pfns.start); next < pfns.end; next++) {
      yield next;
    }
  }
}
