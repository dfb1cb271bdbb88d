import type { Dump } from "../reader/dump.js";
import { wordAt } from "../reader/fields.js";
import { type PhysicalRange, readPages } from "../reader/physical-memory.js";
import type { AddressSpace } from "./address-space.js";
import { attachSpace, type SpaceImage } from "./arch/archs.js";
import { spaceBelow, type TableBelow, topEntryOf } from "./arch/tables-below.js";
import { type KernelMemory, kernelMemory } from "./kernel-memory.js";
import { maySearch } from "./may-search.js";
import { type MemMap, structPageAddress } from "./page/mem-map.js";
import type { PageLayout } from "./page/page-layout.js";

/** A kernel whose sections were read, but whose struct pages are not mapped. */
export interface UnmappedStructPages {
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly layout: PageLayout;
  readonly lowestAddress: bigint;
}

/**
 * The most entries of the top table that are searched for: struct pages of 16 TiB of memory take 256 GiB, which is one
 * entry on most machines.
 */
const MOST_ENTRIES = 16;
/** Bytes that are read at once. */
const CHUNK = 1 << 20;
/** The most failed entries that are remembered: user memory may be full of the same word. */
const MOST_REMEMBERED = 1 << 16;

/** One entry of the top table that is lost, and some struct pages that are mapped through it. */
interface LostEntry {
  readonly start: bigint;
  readonly end: bigint;
  /** Addresses of struct pages, evenly spaced. */
  readonly samples: readonly bigint[];
  readonly nowhere: Set<bigint>;
  found: number | undefined;
}

/**
 * Finds the tables to which a lost top table led, for the struct pages. Searches all memory for tables of the second
 * level that map struct pages, and checks them: the neighbour of a struct page in a list must point back to it. Empty
 * if none is found, if VMCOREINFO does not contain the offset of the list in a struct page, or if the memory must not
 * be searched (may-search.ts).
 */
export function tablesOfStructPages(dump: Dump, kernel: UnmappedStructPages): TableBelow[] {
  const space = attachSpace(kernel.space, dump.memory);
  const second = space.tables?.shape.levels[1];
  const { memMap, layout } = kernel;
  if (second === undefined || space.tables === undefined || layout.offset.lru === undefined || !maySearch(dump))
    return [];
  const { entrySize, littleEndian } = space.tables.shape;
  const { decode } = space.tables;
  const entries = lostEntries(dump, space, memMap, layout.size);
  const most = dump.maxMapnr * dump.pageSize;
  const size = 2 ** second.bits * entrySize;
  const indexes = entries.map(({ samples: [first = 0n] }) =>
    Number((first >> BigInt(second.shift)) & ((1n << BigInt(second.bits)) - 1n)),
  );
  const buffer = new Uint8Array(CHUNK);
  const view = new DataView(buffer.buffer);
  for (const range of dump.ranges) {
    const first = Math.ceil(range.start / size) * size;
    for (let at = first; at + size <= range.end; at += CHUNK) {
      const length = Math.min(CHUNK, range.end - at);
      readPages(dump.memory, at, buffer.subarray(0, length));
      for (let table = 0; table + size <= length; table += size) {
        entries.forEach((lost, i) => {
          const where = table + (indexes[i] as number) * entrySize;
          if (lost.found !== undefined) return;
          if (view.getUint32(where) === 0 && (entrySize === 4 || view.getUint32(where + 4) === 0)) return;
          const entry = wordAt(view, where, entrySize, littleEndian);
          const step = decode(entry, 1);
          if (step === undefined || ("page" in step ? step.page : step.table) >= most || lost.nowhere.has(entry))
            return;
          if (provesItself(dump, kernel, space, lost, at + table)) lost.found = at + table;
          else if (lost.nowhere.size < MOST_REMEMBERED) lost.nowhere.add(entry);
        });
        if (entries.every(({ found }) => found !== undefined)) return tablesOf(entries);
      }
    }
  }
  return tablesOf(entries);
}

function tablesOf(entries: readonly LostEntry[]): TableBelow[] {
  return entries.flatMap(({ start, end, found }) => (found === undefined ? [] : [{ start, end, table: found }]));
}

/** The number of struct pages that are sampled. */
const SAMPLES = 4096;

/** Addresses of the struct pages of memory that the dump has, evenly spaced: `count` or somewhat more. */
export function structPageSamples(dump: Dump, memMap: MemMap, structSize: number, count: number): bigint[] {
  const pagesOf = ({ start, end }: PhysicalRange) => Math.max(0, Math.floor((end - start) / dump.pageSize));
  const pages = dump.ranges.reduce((sum, range) => sum + pagesOf(range), 0);
  const step = Math.max(1, Math.floor(pages / count));
  const samples: bigint[] = [];
  let next = 0;
  for (const range of dump.ranges) {
    const first = Math.ceil(range.start / dump.pageSize);
    for (; next < pagesOf(range); next += step) {
      const address = structPageAddress(memMap, structSize, first + next);
      if (address !== undefined) samples.push(address);
    }
    next -= pagesOf(range);
  }
  return samples;
}

/** The entries of the top table that struct pages need and that do not lead to memory. */
function lostEntries(dump: Dump, space: AddressSpace, memMap: MemMap, structSize: number): LostEntry[] {
  const most = dump.maxMapnr * dump.pageSize;
  const found = new Map<bigint, LostEntry & { samples: bigint[] }>();
  for (const sample of structPageSamples(dump, memMap, structSize, SAMPLES)) {
    const entry = topEntryOf(space, sample);
    if (entry === undefined) return [];
    let known = found.get(entry.start);
    if (known === undefined) {
      const place = space.translate(sample)?.paddr;
      if (found.size === MOST_ENTRIES || (place !== undefined && place < most)) continue;
      known = { ...entry, samples: [], nowhere: new Set(), found: undefined };
      found.set(entry.start, known);
    }
    known.samples.push(sample);
  }
  return [...found.values()];
}

/**
 * How many samples must be mapped before the others are tried: nearly all words that are not table entries fail here.
 */
const FIRST = 16;
/** Neighbours that agree must be this many times those that disagree: memory goes on changing while it is dumped. */
const AGREE = 8;

/** Whether a table maps struct pages that are in lists with each other. */
function provesItself(
  dump: Dump,
  { lowestAddress, memMap, layout }: UnmappedStructPages,
  space: AddressSpace,
  { start, end, samples }: LostEntry,
  table: number,
): boolean {
  const below = spaceBelow(space, table, dump.memory);
  if (below === undefined) return false;
  const step = Math.ceil(samples.length / FIRST);
  const first = samples.filter((_, i) => i % step === 0);
  const isMemory = (place: number | undefined) => place !== undefined && place < dump.maxMapnr * dump.pageSize;
  if (first.filter((address) => isMemory(below.translate(address)?.paddr)).length * 2 <= first.length) return false;
  const info = dump.vmcoreinfo;
  if (info === undefined) return false;
  const memory = kernelMemory(info, dump.machine, dump.pageSize, below, dump.memory, lowestAddress);
  let [agree, not] = [0, 0];
  for (const address of samples) {
    const verdict = neighbourAgrees(memory, layout, memMap, address, { start, end });
    if (verdict === true) agree++;
    else if (verdict === false) not++;
  }
  return agree > 0 && agree >= AGREE * not;
}

/**
 * Whether the next struct page of a list points back to this one; `undefined` if this one is in no list of struct
 * pages.
 */
function neighbourAgrees(
  memory: KernelMemory,
  layout: PageLayout,
  memMap: MemMap,
  address: bigint,
  { start, end }: { readonly start: bigint; readonly end: bigint },
): boolean | undefined {
  const lru = BigInt(layout.offset.lru as number);
  const next = memory.readWord(address + lru);
  if (next === undefined || next < start || next >= end || next === address + lru) return undefined;
  // In a virtual memory map the distance of two struct pages is a multiple of their size.
  const distance = next - lru - (memMap.address[0] as bigint);
  if (distance % BigInt(layout.size) !== 0n) return undefined;
  const back = memory.readWord(next + BigInt(memory.wordSize));
  return back === undefined ? undefined : back === address + lru;
}
