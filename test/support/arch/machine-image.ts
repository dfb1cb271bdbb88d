/**
 * The memory of a small machine of any architecture: a kernel's name, its memory map and a few pages of each kind, in
 * the layout of struct page of 6.12. Everything is at a fixed offset from the start of memory.
 */
import type { ByteOrder } from "../bytes.js";
import { ByteBuffer } from "../bytes.js";
import { buildElf } from "../elf-image.js";
import { writeUtsname } from "../kdump-header.js";
import { since } from "../kernel/release.js";
import { type KernelFeatures, kernelFeatures } from "../kernel/versions.js";
import { PhysicalMemory } from "../memory.js";
import { vmcoreinfoNote } from "../notes.js";
import { PageTables, type TableFormat } from "./tables.js";

/** Offsets from the start of memory. Tables allocated while mapping follow from `tables` on. */
export const AT = {
  utsname: 0x1_0000,
  variables: 0x1_1000,
  node: 0x1_2000,
  sections: 0x1_4000,
  sectionRoots: 0x2_0000,
  root: 0x4_0000,
  empty: 0x8_0000,
  tables: 0x10_0000,
  structs: 0x40_0000,
} as const;

/** Offsets in the struct page of a 32-bit kernel. */
const LAYOUT_32 = { size: 32, head: 4, mapping: 12, private: 20, mapcount: 24, refcount: 28 } as const;

/** Of a 64-bit kernel they change from release to release. */
function layoutOf(machine: MachineCase) {
  if (machine.wordSize === 4) return LAYOUT_32;
  const { size, mapping, private: order, mapcount, refcount } = featuresOf(machine).layout;
  return { size, head: 8, mapping, private: order, mapcount, refcount };
}

function featuresOf({ release }: MachineCase): KernelFeatures {
  return kernelFeatures(release ?? "6.12.0");
}

export interface MachineCase {
  readonly name: string;
  /** Kernel whose struct pages and names it has; default 6.12.0. 32-bit machines have no other. */
  readonly release?: string;
  readonly elfMachine: number;
  readonly wordSize: 4 | 8;
  readonly byteOrder: ByteOrder;
  /** Of the file's headers, where it differs; then VMCOREINFO stands in memory only. */
  readonly headerOrder?: ByteOrder;
  /** As the kernel calls the machine. */
  readonly machine: string;
  readonly pageSize: number;
  /** Physical start of memory. */
  readonly start: number;
  /** Where the kernel's variables are seen: the address of a physical one. */
  readonly symbol: (paddr: number) => bigint;
  /** Where memory is seen; default as the variables are. */
  readonly linear?: (paddr: number) => bigint;
  readonly tables?: TableFormat;
  /** The level whose pages map memory at its linear and symbol addresses; none if nothing is walked there. */
  readonly mapLevel?: number;
  readonly model: "vmemmap" | "sparse" | "static" | "flat" | "discontig";
  /** Struct page of pfn 0, with "vmemmap". */
  readonly vmemmap?: bigint;
  readonly sectionBits?: number;
  readonly physBits?: number;
  /** Whether VMCOREINFO has the section's size; default true. */
  readonly sectionBitsExported?: boolean;
  /** Lines of VMCOREINFO of the architecture. */
  readonly lines?: (image: { readonly root: bigint }) => readonly string[];
  readonly prepare?: (memory: PhysicalMemory, start: number) => void;
}

/**
 * Pages by their distance from the start of memory, and what is in them: behind all that AT names, which a dump of level
 * 31 must have. All others are the kernel's own.
 */
function pagesOf({ pageSize }: MachineCase) {
  const buddy = 0x60_0000 / pageSize;
  return { buddy, anonymous: buddy + 16, cache: buddy + 17, slab: buddy + 18 };
}
export const BUDDY_ORDER = 3;
const MEMORY = { small: 8 << 20, large: 16 << 20 } as const;

/** What a level-31 filter drops of it, as pfns. */
export function droppedPages(machine: MachineCase): number[] {
  const first = machine.start / machine.pageSize;
  const { buddy, anonymous, cache } = pagesOf(machine);
  return [...Array.from({ length: 2 ** BUDDY_ORDER }, (_, i) => buddy + i), anonymous, cache].map(
    (page) => first + page,
  );
}

/** The dump. */
export function machineElf(machine: MachineCase): Uint8Array {
  const { start, pageSize, byteOrder, wordSize } = machine;
  const size = pageSize > 8192 ? MEMORY.large : MEMORY.small;
  const memory = new PhysicalMemory(byteOrder);
  // No page is zero: what is dropped is dropped for its kind.
  for (let at = 0; at < size; at += pageSize) memory.writeInteger(start + at + 8, 4, 0x5a5a_0000 + at / pageSize);
  const name = new ByteBuffer(byteOrder);
  writeUtsname(name, { sysname: "Linux", release: `${machine.release ?? "6.12.0"}-built`, machine: machine.machine });
  memory.write(start + AT.utsname, name.toBytes());
  writeStructs(memory, machine, size);
  const lines = [...commonLines(machine), ...writeModel(memory, machine, size)];
  if (machine.tables !== undefined) writeTables(memory, machine, machine.tables, size);
  machine.prepare?.(memory, start);
  const root = machine.symbol(start + AT.root);
  const text = [...lines, ...(machine.lines?.({ root }) ?? [])].map((line) => `${line}\n`).join("");
  const inMemory = machine.headerOrder !== undefined;
  if (inMemory) memory.write(start + 0x3_0000, Buffer.from(`${text}\0`, "latin1"));
  return buildElf({
    class: wordSize === 8 ? 64 : 32,
    byteOrder: machine.headerOrder ?? byteOrder,
    machine: machine.elfMachine,
    notes: inMemory ? [] : [vmcoreinfoNote(text)],
    loads: [{ paddr: start, vaddr: start, data: memory.read(start, size) }],
  });
}

function writeStructs(memory: PhysicalMemory, machine: MachineCase, size: number): void {
  const { start, wordSize } = machine;
  const layout = layoutOf(machine);
  const { bits, types, headLink } = featuresOf(machine);
  const { buddy, anonymous, cache, slab } = pagesOf(machine);
  const put = (page: number, fields: { flags?: number; mapping?: number; private?: number; mapcount?: number }) => {
    const at = start + AT.structs + page * layout.size;
    memory.writeInteger(at, wordSize, fields.flags ?? 0);
    memory.writeInteger(at + layout.mapping, wordSize, fields.mapping ?? 0);
    memory.writeInteger(at + layout.private, wordSize, fields.private ?? 0);
    memory.writeInteger(at + layout.mapcount, 4, fields.mapcount ?? 0xffff_ffff);
    if (headLink !== undefined) memory.writeInteger(at + layout.head, wordSize, 0);
  };
  for (let page = 0; page < size / 4096; page++) put(page, {});
  put(buddy, { mapcount: (types.buddy ?? -1) >>> 0, private: BUDDY_ORDER });
  put(anonymous, { flags: 1 << bits.lru, mapping: 0x1001 });
  put(cache, { flags: 1 << bits.lru, mapping: 0x2000 });
  const marks = bits.slab === undefined ? { mapcount: (types.slab ?? -1) >>> 0 } : { flags: 1 << bits.slab };
  put(slab, { ...marks, mapping: 0x3001 });
  if (machine.model === "vmemmap") linkPages(memory, machine);
}

/** The user's page and that of the cache are in one list. */
function linkPages(memory: PhysicalMemory, machine: MachineCase): void {
  const { size } = layoutOf(machine);
  const { lru } = featuresOf(machine).layout;
  const { anonymous, cache } = pagesOf(machine);
  const [one, two] = [anonymous, cache].map((page) => page * size + lru) as [number, number];
  for (const [from, to] of [[one, two] as const, [two, one] as const]) {
    const address = vmemmapStart(machine) + BigInt(to);
    memory.writeInteger(machine.start + AT.structs + from, 8, address);
    memory.writeInteger(machine.start + AT.structs + from + 8, 8, address);
  }
}

const linearOf = (machine: MachineCase) => machine.linear ?? machine.symbol;

/** Fills in the memory map, and says what VMCOREINFO has of it. */
function writeModel(memory: PhysicalMemory, machine: MachineCase, size: number): string[] {
  const { start, pageSize, wordSize, symbol } = machine;
  const linear = linearOf(machine);
  const hex = (at: number) => symbol(start + at).toString(16);
  const word = (at: number, value: bigint | number) => memory.writeInteger(start + at, wordSize, value);
  const structs = linear(start + AT.structs);
  const firstPfn = start / pageSize;
  if (machine.model === "flat") {
    word(AT.variables, structs);
    return [`SYMBOL(mem_map)=${hex(AT.variables)}`];
  }
  if (machine.model === "discontig") {
    word(AT.variables, linear(start + AT.node));
    word(AT.variables + wordSize, 0);
    word(AT.node, (machine.vmemmap ?? 0n) === 0n ? structs : vmemmapStart(machine));
    word(AT.node + wordSize, firstPfn);
    word(AT.node + 2 * wordSize, size / pageSize);
    return [
      `SYMBOL(pgdat_list)=${hex(AT.variables)}`,
      "LENGTH(pgdat_list)=2",
      "OFFSET(pglist_data.node_mem_map)=0",
      `OFFSET(pglist_data.node_start_pfn)=${wordSize}`,
      `OFFSET(pglist_data.node_spanned_pages)=${2 * wordSize}`,
    ];
  }
  const sectionBits = machine.sectionBits ?? 27;
  const physBits = machine.physBits ?? 46;
  const number = Math.floor(start / 2 ** sectionBits);
  const first = machine.model === "vmemmap" ? vmemmapStart(machine) : structs;
  const coded = BigInt.asUintN(8 * wordSize, first - BigInt(firstPfn * layoutOf(machine).size)) | 3n;
  const sectionSize = 2 * wordSize;
  const sections = 2 ** (physBits - sectionBits);
  const known = [
    `SYMBOL(mem_section)=${linear(start + AT.sectionRoots).toString(16)}`,
    `SIZE(mem_section)=${sectionSize}`,
    "OFFSET(mem_section.section_mem_map)=0",
    ...(machine.sectionBitsExported === false ? [] : [`NUMBER(SECTION_SIZE_BITS)=${sectionBits}`]),
    `NUMBER(MAX_PHYSMEM_BITS)=${physBits}`,
  ];
  if (machine.model === "static") {
    word(AT.sectionRoots + number * sectionSize, coded);
    return [...known, `LENGTH(mem_section)=${sections}`];
  }
  const perRoot = pageSize / sectionSize;
  word(AT.sectionRoots + Math.floor(number / perRoot) * wordSize, linear(start + AT.sections));
  word(AT.sections + (number % perRoot) * sectionSize, coded);
  return [...known, `LENGTH(mem_section)=${Math.ceil(sections / perRoot)}`];
}

function vmemmapStart(machine: MachineCase): bigint {
  const { vmemmap, start, pageSize } = machine;
  return (vmemmap ?? 0n) + BigInt((start / pageSize) * layoutOf(machine).size);
}

function writeTables(memory: PhysicalMemory, machine: MachineCase, format: TableFormat, size: number): void {
  const { start, pageSize, mapLevel } = machine;
  let next = start + AT.tables;
  const allocate = (bytes: number) => {
    const at = Math.ceil(next / bytes) * bytes;
    next = at + bytes;
    if (next > start + AT.structs) throw new Error("no room for page tables");
    memory.write(at, new Uint8Array(bytes));
    return at;
  };
  memory.write(start + AT.root, new Uint8Array(AT.empty - AT.root));
  const tables = new PageTables(memory, format, start + AT.root, allocate);
  if (machine.vmemmap !== undefined) {
    const structs = (size / pageSize) * layoutOf(machine).size;
    for (let at = 0; at < structs; at += pageSize)
      tables.map(vmemmapStart(machine) + BigInt(at), start + AT.structs + at);
  }
  if (mapLevel === undefined) return;
  const step = 2 ** (format.levels[mapLevel] as TableFormat["levels"][number]).shift;
  for (let at = 0; at < size; at += step) {
    for (const address of new Set([machine.symbol(start + at), linearOf(machine)(start + at)])) {
      tables.map(address, start + at, mapLevel);
    }
  }
}

function commonLines(machine: MachineCase): string[] {
  const { pageSize, symbol, start } = machine;
  const layout = layoutOf(machine);
  const { release, bits, types, headLink } = featuresOf(machine);
  return [
    `OSRELEASE=${release.text}-built`,
    `PAGESIZE=${pageSize}`,
    `SYMBOL(init_uts_ns)=${symbol(start + AT.utsname).toString(16)}`,
    "OFFSET(uts_namespace.name)=0",
    `SYMBOL(swapper_pg_dir)=${symbol(start + AT.root).toString(16)}`,
    `SYMBOL(_stext)=${symbol(start).toString(16)}`,
    `SIZE(page)=${layout.size}`,
    "OFFSET(page.flags)=0",
    `OFFSET(page.${since(release, "4.6") ? "_refcount" : "_count"})=${layout.refcount}`,
    `OFFSET(page.mapping)=${layout.mapping}`,
    `OFFSET(page._mapcount)=${layout.mapcount}`,
    `OFFSET(page.private)=${layout.private}`,
    ...(headLink === undefined ? [] : [`OFFSET(page.${headLink})=${layout.head}`]),
    ...(since(release, "4.4") && !since(release, "6.3") ? ["OFFSET(page.compound_order)=17"] : []),
    ...(machine.wordSize === 8 ? [`OFFSET(page.lru)=${featuresOf(machine).layout.lru}`] : []),
    "LENGTH(zone.free_area)=11",
    `NUMBER(PG_lru)=${bits.lru}`,
    `NUMBER(PG_private)=${bits.private}`,
    `NUMBER(PG_swapcache)=${bits.swapcache}`,
    `NUMBER(PG_swapbacked)=${bits.swapbacked}`,
    `NUMBER(PG_head_mask)=${2 ** bits.head}`,
    `NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=${types.buddy}`,
    bits.slab === undefined ? `NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=${types.slab}` : `NUMBER(PG_slab)=${bits.slab}`,
  ];
}
