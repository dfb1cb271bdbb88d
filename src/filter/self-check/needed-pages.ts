import type { AddressSpace } from "../../kernel/address-space.js";
import { supportOf } from "../../kernel/arch/archs.js";
import { forEachOwnTable } from "../../kernel/arch/own-tables.js";
import type { PageTables } from "../../kernel/arch/table-shape.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import { nodeAddresses } from "../../kernel/nodes.js";
import { zoneShape } from "../../kernel/zones.js";
import type { Dump } from "../../reader/dump.js";

/** What pages hold without which no reader finds its way in a dump. `level` is that of a page table. */
export type Need =
  | { readonly kind: "table"; readonly level: number; readonly tables: PageTables }
  | { readonly kind: "sections"; readonly address: bigint; readonly length: number }
  | { readonly kind: "structs" | "node" | "symbol" };

/** Called with the pages [startPfn, endPfn). The same page may come several times. */
export type NeedVisitor = (startPfn: number, endPfn: number, need: Need) => void;

/**
 * Names the pages that each reader of a dump needs before it finds anything else: the kernel's page tables, struct pages,
 * what leads to them (sections, memory nodes), and the data of its image that VMCOREINFO names. All of it is walked as
 * readers walk it, and nothing is remembered: of a run on 1 TiB it takes 0.06 of 3.9 s.
 */
export function forEachNeeded(dump: Dump, view: KernelView, visit: NeedVisitor): void {
  const space = attachSpace(view.space, dump.memory);
  const kernel = viewMemory(dump, view);
  const { pageSize } = dump;
  const bytes = (need: Need) => (paddr: number, length: number) => {
    const end = Math.min(dump.maxMapnr, Math.ceil((paddr + length) / pageSize));
    const start = Math.floor(paddr / pageSize);
    if (length > 0 && start < end) visit(start, end, need);
  };
  const { tables } = space;
  if (tables !== undefined) {
    const needs = tables.shape.levels.map((_, level) => bytes({ kind: "table", level, tables }));
    const ofKernel = { isKernel: kernelsHalf(view, tables), below: view.lost?.below ?? [] };
    forEachOwnTable(tables, dump.memory, ofKernel, (table) => needs[table.level]?.(table.paddr, table.bytes));
  }
  visitStructPages(space, view, pageSize, bytes({ kind: "structs" }));
  for (const { address, length } of view.memMap.tables ?? []) {
    visitVirtual(space, address, length, pageSize, bytes({ kind: "sections", address, length }));
  }
  if (kernel === undefined) return;
  visitNodes(kernel, (address, length) => visitVirtual(space, address, length, pageSize, bytes({ kind: "node" })));
  visitSymbols(dump, kernel, space, bytes({ kind: "symbol" }));
}

type BytesVisitor = (paddr: number, length: number) => void;

/** Whether an entry of the top table is the kernel's: a process's table that is used instead maps the process, too. */
function kernelsHalf({ space, lowestAddress }: KernelView, { shape }: PageTables) {
  const top = shape.levels[0];
  const bits = top === undefined ? 64 : top.shift + top.bits;
  const { wholeAddress } = supportOf(space);
  return (_first: bigint, last: bigint) => (wholeAddress?.(last, bits) ?? last) >= lowestAddress;
}

/** The most places that are translated: the struct pages of 1 TiB in single pages. They are mostly in larger ones. */
const MOST_PLACES = 1 << 22;

function visitStructPages(space: AddressSpace, view: KernelView, pageSize: number, visit: BytesVisitor): void {
  const { memMap, layout } = view;
  let places = MOST_PLACES;
  for (let i = 0; i < memMap.count && places > 0; i++) {
    // A section's array may go on behind the memory's end; what lies there may be something else.
    const pages = Math.max(0, Math.min(memMap.endPfn[i] as number, view.maxMapnr) - (memMap.startPfn[i] as number));
    places -= visitVirtual(space, memMap.address[i] as bigint, pages * layout.size, pageSize, visit, places);
  }
}

/** Visits the memory behind virtual addresses, as far as it is mapped. Returns how many places it translated. */
function visitVirtual(
  space: AddressSpace,
  start: bigint,
  length: number,
  pageSize: number,
  visit: BytesVisitor,
  most = MOST_PLACES,
): number {
  let places = 0;
  for (let at = 0; at < length && places < most; places++) {
    const vaddr = start + BigInt(at);
    const part = space.translate(vaddr);
    const n = Math.min(part?.length ?? pageSize - Number(vaddr % BigInt(pageSize)), length - at);
    if (part !== undefined) visit(part.paddr, n);
    at += n;
  }
  return places;
}

/** What is read of a memory node: its own members, and its zones'. */
function visitNodes(kernel: KernelMemory, visit: (address: bigint, length: number) => void): void {
  const shape = zoneShape(kernel);
  const { info } = kernel;
  const members = ["node_start_pfn", "node_spanned_pages", "node_mem_map", "nr_zones", "node_id", "pgdat_next"];
  const offsets = members.map((name) => info.offset(`pglist_data.${name}`)).filter((offset) => offset !== undefined);
  for (const node of nodeAddresses(kernel)) {
    for (const offset of offsets) if (offset < 1 << 24) visit(node + BigInt(offset), kernel.wordSize);
    if (shape === undefined) continue;
    const count = kernel.readView(node + BigInt(shape.nrZones), 4)?.getUint32(0, kernel.littleEndian) ?? 0;
    // No kernel has more than a handful of zones.
    visit(node + BigInt(shape.nodeZones), Math.min(count, 16) * shape.zoneSize);
  }
}

/** How far from the kernel's name its other data lie: a kernel's image has some 100 MiB. */
const IMAGE_BYTES = 1n << 28n;

/** Symbols of the kernel's image, which is mapped as one: a damaged address may lead to anybody's memory. */
function visitSymbols(dump: Dump, { info }: KernelMemory, space: AddressSpace, visit: BytesVisitor): void {
  const own = info.symbol("init_uts_ns") ?? info.symbol("_stext");
  const place = own === undefined ? undefined : space.translate(own);
  if (own === undefined || place === undefined) return;
  for (const name of info.items.keys()) {
    const symbol = /^SYMBOL\((.+)\)$/.exec(name)?.[1];
    const address = symbol === undefined ? undefined : info.symbol(symbol);
    if (address === undefined || address - own > IMAGE_BYTES || own - address > IMAGE_BYTES) continue;
    const found = space.translate(address);
    if (found === undefined || found.paddr - place.paddr !== Number(address - own)) continue;
    visit(found.paddr, dump.machine.wordSize);
  }
}
