import type { AddressSpace } from "../../kernel/address-space.js";
import type { MemMap } from "../../kernel/page/mem-map.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { setBits } from "../../reader/bitmap.js";
import { wordAt } from "../../reader/fields.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import { KEPT_PERCPU, KEPT_STACK, UNKNOWN, UNREFERENCED } from "../page-classes.js";
import { structPageReader } from "./page-reader.js";
import type { PrivacyView } from "./privacy-view.js";
import { isStackBottom } from "./thread-stack.js";

/** A classified batch: page i has the pfn `firstPfn + i`, its struct page is at `i * layout.size`. */
export interface ClassifiedBatch {
  readonly firstPfn: number;
  readonly from: number;
  readonly to: number;
  readonly pages: Uint8Array;
  readonly classes: Uint8Array;
}

/** Keeps pages of a batch that would be dropped although they are the kernel's. */
export type Rescue = (batch: ClassifiedBatch) => void;

/** The most pages of a block of the per-CPU allocator (KMALLOC_MAX_SIZE). */
const MAX_BLOCK_PAGES = 1 << 11;
const CHUNK_SIZE = 256;
/** A block has at least 32 KiB (PCPU_MIN_UNIT_SIZE), and all its pages contain the chunk's address. */
const MIN_BLOCK = 32768;

/**
 * Finds the kernel's own memory in the direct map that has no mark in its struct pages, by its content. Checks only
 * pages of the classes `unknown` and `unreferenced`, and reads them only if their struct pages fit.
 *
 * - Stacks, if the kernel does not map them: blocks of several pages that are not a compound page, so that all but the first have no reference, with the
 *   stack's mark at the lowest address.
 * - Per-CPU memory of kernels for one processor: blocks whose pages all have the address of their chunk, which has the
 *   address of the block. One page is not enough: a process's top page table has the address of its mm_struct in the
 *   same place, and that has the address of the table.
 */
export function createRescue(
  { stack, mapsStacks = false, littleEndian, lowestAddress, stackTops }: PrivacyView,
  space: AddressSpace,
  memory: PhysicalMemory,
  memMap: MemMap,
  layout: PageLayout,
  pageSize: number,
): Rescue {
  const structs = structPageReader(space, memory, memMap, layout);
  const bottom = new DataView(new ArrayBuffer(stack.within));
  const bottomBytes = new Uint8Array(bottom.buffer);
  const { wordSize, size, offset } = layout;
  const word = (view: DataView, at: number) => wordAt(view, at, wordSize, littleEndian);
  const places = [offset.index, offset.private].filter((at) => at !== undefined);

  const isStack = ({ classes, to, firstPfn }: ClassifiedBatch, i: number): boolean => {
    if ((firstPfn + i) % stack.pages !== 0 || i + stack.pages > to) return false;
    for (let k = 1; k < stack.pages; k++) if (classes[i + k] !== UNREFERENCED) return false;
    return memory.read(bottomBytes, (firstPfn + i) * pageSize) === stack.within && isStackBottom(bottom, stack);
  };

  const isBlock = (first: number, chunk: bigint): boolean => {
    for (let pfn = first; pfn < first + Math.max(2, MIN_BLOCK / pageSize); pfn++) {
      const struct = structs.read(pfn);
      if (struct === undefined || !places.some((at) => word(struct, at as number) === chunk)) return false;
    }
    return true;
  };

  /** Blocks of the per-CPU allocator by their chunk's address; `undefined` for addresses that are not a chunk's. */
  const chunks = new Map<bigint, readonly number[]>();
  const basesOf = (chunk: bigint): readonly number[] => {
    let bases = chunks.get(chunk);
    if (bases !== undefined) return bases;
    bases = [];
    const place = space.translate(chunk);
    const view = new DataView(new ArrayBuffer(CHUNK_SIZE));
    if (
      place !== undefined &&
      structs.isKernelData(Math.floor(place.paddr / pageSize)) &&
      memory.read(new Uint8Array(view.buffer), place.paddr) === CHUNK_SIZE
    ) {
      const found: number[] = [];
      for (let at = 0; at < CHUNK_SIZE; at += wordSize) {
        const value = word(view, at);
        if (value < lowestAddress || value === 0n || value % BigInt(pageSize) !== 0n) continue;
        const base = space.translate(value);
        if (base !== undefined && isBlock(base.paddr / pageSize, chunk)) found.push(base.paddr / pageSize);
      }
      bases = found;
    }
    if (chunks.size > 4096) chunks.clear();
    chunks.set(chunk, bases);
    return bases;
  };
  const isPercpu = (structPage: DataView, pfn: number): boolean =>
    places.some((at) => {
      const chunk = word(structPage, at as number);
      if (chunk === 0n || chunk < lowestAddress || chunk % BigInt(wordSize) !== 0n) return false;
      return basesOf(chunk).some((base) => base <= pfn && pfn - base < MAX_BLOCK_PAGES);
    });

  return (batch) => {
    const { firstPfn, from, to, pages, classes } = batch;
    // Few pages have these classes; looking for the next one takes a tenth of a loop over all.
    const next = (pageClass: number, at: number) => {
      const found = classes.indexOf(pageClass, at);
      return found < 0 ? to : found;
    };
    let unknown = next(UNKNOWN, from);
    let unreferenced = next(UNREFERENCED, from);
    for (let i = Math.min(unknown, unreferenced); i < to; i = Math.min(unknown, unreferenced)) {
      let end = i + 1;
      if (i === unknown && stack.pages > 0 && !mapsStacks && isStack(batch, i)) {
        end = i + stack.pages;
        classes.fill(KEPT_STACK, i, end);
        if (stackTops !== undefined) setBits(stackTops, firstPfn + end - 1, firstPfn + end);
      } else if (isPercpu(new DataView(pages.buffer, pages.byteOffset + i * size, size), firstPfn + i)) {
        classes[i] = KEPT_PERCPU;
      }
      if (unknown < end) unknown = next(UNKNOWN, end);
      if (unreferenced < end) unreferenced = next(UNREFERENCED, end);
    }
  };
}
