import type { PageTables } from "../../kernel/arch/table-shape.js";
import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import { nodeAddresses } from "../../kernel/nodes.js";
import { freeListsOf, zoneAddresses, zoneShape } from "../../kernel/zones.js";
import { findBit, type PageBitmap, setBits, sharedBitmap, testBit } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import type { Warnings } from "../../warnings.js";
import type { PagePlan } from "../plan.js";
import type { PrivacyView } from "../privacy/privacy-view.js";
import { forEachNeeded, type Need } from "./needed-pages.js";

/** All pages of a dump that each reader needs, as bits; see `forEachNeeded`. */
export function neededPages(dump: Dump, view: KernelView, { kept }: PagePlan): PageBitmap {
  const needed = sharedBitmap(kept.stretches);
  forEachNeeded(dump, view, (start, end) => setBits(needed, start, end));
  return needed;
}

/**
 * The pages that each reader of the output needs, and that pass 1 dropped all the same: their struct pages are damaged.
 * `undefined` if there are none, as in all sound dumps. With a privacy policy only pages whose content is what they are
 * needed for: damage may have led to anybody's page.
 */
export function droppedButNeeded(
  dump: Dump,
  view: KernelView,
  plan: PagePlan,
  warnings: Warnings,
  privacy: PrivacyView | undefined,
): PageBitmap | undefined {
  let found: PageBitmap | undefined;
  let pages = 0;
  const judge = privacy && contentJudge(dump, view, privacy);
  const leftOut = [...(view.memMap.offline ?? []), ...(privacy?.crashKernel ?? []), ...(privacy?.foreign ?? [])];
  const look = (pfn: number, need: Need) => {
    if (found !== undefined && testBit(found, pfn)) return;
    if (dump.memory.next(pfn * dump.pageSize) >= (pfn + 1) * dump.pageSize) return;
    // Memory that is offline may hold its own struct pages, which say nothing of it.
    if (leftOut.some(({ startPfn, endPfn }) => startPfn <= pfn && pfn < endPfn)) return;
    if (judge?.(pfn, need) === false) return;
    found ??= sharedBitmap(plan.kept.stretches);
    setBits(found, pfn, pfn + 1);
    pages++;
  };
  forEachNeeded(dump, view, (startPfn, endPfn, need) => {
    const [start, end] = [Math.max(startPfn, plan.firstPfn), Math.min(endPfn, plan.maxMapnr)];
    for (let pfn = findBit(plan.kept, start, end, false); pfn < end; pfn = findBit(plan.kept, pfn + 1, end, false)) {
      look(pfn, need);
    }
  });
  if (found === undefined) return undefined;
  warnings.add(
    "KERNEL_PAGES",
    "the struct pages of some pages of the kernel's own are damaged: they make page cache, user memory or free memory of pages that readers need (page tables, struct pages, nodes); these are kept",
    pages,
  );
  return found;
}

/** The upper 16 bits of `mapping` in tails and on dead lists (TAIL_MAPPING, LIST_POISON). */
const POISON = 0xdeadn;
/** In a slab the same word may be a number of slabs. */
const MOST_COUNTED = 1n << 16n;
/** No page has so many references: the field would be something else. */
const MOST_REFERENCES = 1 << 24;

/** Whether a page has what it is needed for; texts and numbers of users are not like that. */
function contentJudge(dump: Dump, view: KernelView, { lowestAddress }: PrivacyView) {
  const { pageSize, memory, machine, maxMapnr } = dump;
  const { wordSize, littleEndian } = machine;
  const kernel = viewMemory(dump, view);
  const bytes = new Uint8Array(pageSize);
  const page = new DataView(bytes.buffer);
  const isAddress = (word: bigint) => word >= lowestAddress && word !== 0n && (lowestAddress > 0n || word < 2n ** 53n);
  const isTable = ({ shape, decode }: PageTables, level: number) => {
    let entries = 0;
    // On s390x entries that map nothing are not 0, but all the same.
    let empty = 0n;
    for (let at = 0; at < pageSize; at += shape.entrySize) {
      const entry = wordAt(page, at, shape.entrySize, shape.littleEndian);
      if (entry === 0n || entry === empty) continue;
      const step = decode(entry, level);
      if (step === undefined) {
        if (empty !== 0n) return false;
        empty = entry;
        continue;
      }
      // Pages may be a device's; tables are memory.
      if ("table" in step && step.table >= maxMapnr * pageSize) return false;
      entries++;
    }
    return entries > 0;
  };
  const { size, offset } = view.layout;
  const { memMap } = view;
  const firstStruct = memMap.address.reduce((least, address) => (address < least ? address : least), 2n ** 64n);
  const lastStruct = memMap.address.reduce((most, address, i) => {
    const end = address + BigInt(((memMap.endPfn[i] as number) - (memMap.startPfn[i] as number)) * size);
    return end > most ? end : most;
  }, 0n);
  const areStructPages = (pfn: number) => {
    const { mapping, refcount } = offset;
    if (mapping === undefined || refcount === undefined || pageSize % size !== 0 || (pfn * pageSize) % size !== 0)
      return false;
    for (let at = 0; at < pageSize; at += size) {
      const word = wordAt(page, at + mapping, wordSize, littleEndian);
      if (word >= MOST_COUNTED && !isAddress(word) && !(wordSize === 8 && word >> 48n === POISON)) return false;
      if (page.getUint32(at + refcount, littleEndian) >= MOST_REFERENCES) return false;
    }
    // Lists of struct pages, and heads of tails.
    for (let at = 0; at < pageSize; at += wordSize) {
      const word = wordAt(page, at, wordSize, littleEndian);
      if (word >= firstStruct && word < lastStruct) return true;
    }
    return bytes.every((byte) => byte === 0);
  };
  // Pointers only. They share pages with others.
  const areSections = (address: bigint, length: number) => {
    const words = kernel?.readView(address, length);
    if (words === undefined) return false;
    for (let at = 0; at + wordSize <= length; at += wordSize) {
      const word = wordAt(words, at, wordSize, littleEndian);
      if (word !== 0n && !isAddress(word)) return false;
    }
    return true;
  };
  let nodes: boolean | undefined;
  return (pfn: number, need: Need): boolean => {
    if (need.kind === "symbol") return true;
    if (need.kind === "node") {
      nodes ??= haveFreeLists(dump, view);
      return nodes;
    }
    if (need.kind === "sections") return areSections(need.address, need.length);
    if (memory.read(bytes, pfn * pageSize) < pageSize) return false;
    return need.kind === "table" ? isTable(need.tables, need.level) : areStructPages(pfn);
  };
}

/** Whether each node has a zone with a free list that leads back to itself: no other memory looks like that. */
function haveFreeLists(dump: Dump, view: KernelView): boolean {
  const kernel = viewMemory(dump, view);
  const shape = kernel && zoneShape(kernel);
  if (kernel === undefined || shape === undefined) return false;
  const leadsBack = (head: bigint) => {
    const next = kernel.readWord(head + BigInt(shape.next));
    return next !== undefined && kernel.isKernelAddress(next) && kernel.readWord(next + BigInt(shape.prev)) === head;
  };
  const zones = zoneAddresses(kernel, shape);
  return (
    nodeAddresses(kernel).length > 0 &&
    zones.length > 0 &&
    zones.every((zone) => [...freeListsOf(zone, shape)].some(({ head }) => leadsBack(head)))
  );
}
