import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { type PhysicalMemory, readPages } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import { readKernelUtsname } from "../kernel-utsname.js";
import { maySearch } from "../may-search.js";
import type { FoundSpace, KnownMaps, RootedSpace, TableRescue } from "./arch-support.js";
import { fixedAddressSpace } from "./fixed-maps.js";

/**
 * Reaches a kernel whose top page table is lost. Its image lies at an offset that VMCOREINFO has: if the kernel's own name reads there, of
 * the release that VMCOREINFO names, all memory is searched for the top table of a process, whose upper half is the same on most machines. Where there
 * is none the image alone is mapped: the log and the symbols are mostly in it. `undefined` if no way leads to the name: then nothing was searched.
 */
export function rescueTables<Image extends RootedSpace>(
  dump: Dump,
  info: Vmcoreinfo,
  ways: Iterable<TableRescue<Image>>,
  attach: (image: Image) => AddressSpace,
): FoundSpace<Image & KnownMaps> | undefined {
  for (const way of ways) {
    const fixed = fixedAddressSpace(way.maps);
    const utsname = readKernelUtsname(dump, info, fixed);
    if (utsname === undefined || utsname.release !== info.osrelease) continue;
    const unsearched = way.shared && !maySearch(dump);
    const instead = way.shared && !unsearched ? processRoot(dump, info, way.image, attach, fixed) : undefined;
    const image = instead === undefined ? { ...way.image, knownMaps: way.maps } : { ...way.image, root: instead };
    return { ...way.describe({ image, utsname }), image, lost: { instead, ...(unsearched && { unsearched }) } };
  }
  return undefined;
}

/** Read at once. */
const CHUNK = 1 << 20;
/** Processes looked at: one may be half set up, or its page freed long ago. */
const ENOUGH = 8;

/** The top table that maps the kernel's name where it is, and has most entries behind. */
function processRoot<Image extends RootedSpace>(
  dump: Dump,
  info: Vmcoreinfo,
  image: Image,
  attach: (image: Image) => AddressSpace,
  fixed: AddressSpace,
): number | undefined {
  const symbol = info.symbol("init_uts_ns") ?? info.symbol("system_utsname");
  const place = symbol === undefined ? undefined : fixed.translate(symbol)?.paddr;
  // A kernel is looked for several times, by each who opens its dump.
  const known = searched.get(dump.memory);
  if (known !== undefined && known.symbol === symbol && known.place === place) return known.root;
  const { tables } = attach(image);
  const top = tables?.shape.levels[0];
  if (symbol === undefined || place === undefined || tables === undefined || top === undefined) return undefined;
  const { entrySize, littleEndian } = tables.shape;
  const size = 2 ** top.bits * entrySize;
  const index = Number((symbol >> BigInt(top.shift)) & ((1n << BigInt(top.bits)) - 1n));
  const most = dump.maxMapnr * dump.pageSize;
  // The same entry leads to the same tables.
  const leads = new Map<bigint, boolean>();
  const leadsToKernel = (entry: bigint, root: number): boolean => {
    const step = tables.decode(entry, 0);
    if (step === undefined) return false;
    // 32-bit ARM maps its image by entries of the top table.
    if ("page" in step) return step.page + Number(symbol & BigInt(2 ** step.shift - 1)) === place;
    if (step.table >= most) return false;
    const known = leads.get(entry);
    if (known !== undefined) return known;
    const found = attach({ ...image, root }).translate(symbol)?.paddr === place;
    if (leads.size < 1 << 20) leads.set(entry, found);
    return found;
  };
  let best: { readonly root: number; readonly entries: number } | undefined;
  let seen = 0;
  const buffer = new Uint8Array(CHUNK);
  const view = new DataView(buffer.buffer);
  search: for (const range of dump.ranges) {
    const first = Math.ceil(range.start / size) * size;
    for (let at = first; at + size <= range.end; at += CHUNK) {
      const length = Math.min(CHUNK, range.end - at);
      readPages(dump.memory, at, buffer.subarray(0, length));
      for (let table = 0; table + size <= length; table += size) {
        const where = table + index * entrySize;
        if (view.getUint32(where) === 0 && (entrySize === 4 || view.getUint32(where + 4) === 0)) continue;
        if (!leadsToKernel(wordAt(view, where, entrySize, littleEndian), at + table)) continue;
        // The table that CPUs are started with (x86's trampoline), and EFI's: who walks it meets the kernel's memory at its physical address first.
        if (attach({ ...image, root: at + table }).translate(BigInt(place))?.paddr === place) continue;
        const entries = countEntries(view, table, size, entrySize);
        if (best === undefined || entries > best.entries) best = { root: at + table, entries };
        if (++seen === ENOUGH) break search;
      }
    }
  }
  searched.set(dump.memory, { symbol, place, root: best?.root });
  return best?.root;
}

/** What searching a memory found, as long as that is there. */
const searched = new WeakMap<
  PhysicalMemory,
  { readonly symbol: bigint; readonly place: number; readonly root: number | undefined }
>();

/** Entries of a table's upper half, which is the kernel's. */
function countEntries(view: DataView, table: number, size: number, entrySize: 4 | 8): number {
  let entries = 0;
  for (let at = table + size / 2; at < table + size; at += entrySize) {
    if (view.getUint32(at) !== 0 || (entrySize === 8 && view.getUint32(at + 4) !== 0)) entries++;
  }
  return entries;
}
