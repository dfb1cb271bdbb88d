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
 * Finds a kernel whose top page table is lost. VMCOREINFO has the offset of its image. If the kernel's own name is
 * found there, with the release that VMCOREINFO names, all memory is searched for the top table of a process: on most
 * machines its upper half is the kernel's. If no such table is found, only the image is mapped; the log and the symbols
 * are mostly in it. `undefined` if no way leads to the name; then memory was not searched.
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

/** Bytes that are read at once. */
const CHUNK = 1 << 20;
/** Tables of processes that are compared: one may be half set up, or its page may have been freed long ago. */
const ENOUGH = 8;

/** Of the top tables that map the kernel's name where it is, the one with most entries in its upper half. */
function processRoot<Image extends RootedSpace>(
  dump: Dump,
  info: Vmcoreinfo,
  image: Image,
  attach: (image: Image) => AddressSpace,
  fixed: AddressSpace,
): number | undefined {
  const symbol = info.symbol("init_uts_ns") ?? info.symbol("system_utsname");
  const place = symbol === undefined ? undefined : fixed.translate(symbol)?.paddr;
  // The kernel is looked for several times, by every caller that opens its dump.
  const known = searched.get(dump.memory);
  if (known !== undefined && known.symbol === symbol && known.place === place) return known.root;
  const { tables } = attach(image);
  const top = tables?.shape.levels[0];
  if (symbol === undefined || place === undefined || tables === undefined || top === undefined) return undefined;
  const { entrySize, littleEndian } = tables.shape;
  const size = 2 ** top.bits * entrySize;
  const index = Number((symbol >> BigInt(top.shift)) & ((1n << BigInt(top.bits)) - 1n));
  const most = dump.maxMapnr * dump.pageSize;
  // Equal entries lead to the same tables, so each is tried once.
  const leads = new Map<bigint, boolean>();
  const leadsToKernel = (entry: bigint, root: number): boolean => {
    const step = tables.decode(entry, 0);
    if (step === undefined) return false;
    // On 32-bit ARM entries of the top table map the image directly.
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
        // Skips the table that CPUs are started with (x86's trampoline), and EFI's: both also map the kernel's memory
        // at its physical address.
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

/** The result of searching a memory, kept as long as that exists. */
const searched = new WeakMap<
  PhysicalMemory,
  { readonly symbol: bigint; readonly place: number; readonly root: number | undefined }
>();

/** The number of entries in a table's upper half, which is the kernel's. */
function countEntries(view: DataView, table: number, size: number, entrySize: 4 | 8): number {
  let entries = 0;
  for (let at = table + size / 2; at < table + size; at += entrySize) {
    if (view.getUint32(at) !== 0 || (entrySize === 8 && view.getUint32(at + 4) !== 0)) entries++;
  }
  return entries;
}
