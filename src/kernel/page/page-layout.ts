import type { Machine } from "../../reader/machine.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import { kernelVersion } from "../version.js";

/**
 * How to read one kernel's `struct page`: everything known about it is here. Offsets in bytes from its start, numbers
 * of flag bits, values of page types. Filled from VMCOREINFO; a kernel version decides only where VMCOREINFO has no
 * name for a fact. `undefined` means that the kernel does not export it, and the test that needs it is never true.
 */
export interface PageLayout {
  /** Bytes of a struct page. */
  readonly size: number;
  readonly littleEndian: boolean;
  readonly wordSize: 4 | 8;
  readonly offset: {
    readonly flags: number;
    readonly mapping: number;
    /** The page's index in its mapping, an unsigned long: follows `mapping` in every kernel. */
    readonly index: number | undefined;
    /** `_refcount`, `_count` before 4.6: 32 bits. */
    readonly refcount: number;
    readonly mapcount: number | undefined;
    readonly private: number | undefined;
    /** Two pointers. On a CPU's free list pcp_list lies at the same place. */
    readonly lru: number | undefined;
    /** compound_head, since 7.1 compound_info: bit 0 marks a tail page. */
    readonly compoundHead: number | undefined;
  };
  /** Numbers of bits in `flags`, below 32. */
  readonly bit: {
    readonly lru: number | undefined;
    readonly private: number | undefined;
    readonly swapcache: number | undefined;
    readonly swapbacked: number | undefined;
    readonly slab: number | undefined;
    readonly hwpoison: number | undefined;
    /** Pages that were never given out: the kernel's image, firmware. */
    readonly reserved: number | undefined;
    /** Only in kernels before 2.6.38 that export it. */
    readonly buddy: number | undefined;
  };
  /** Mask of PG_head: exported as a mask, not as a number. */
  readonly headMask: number | undefined;
  /** Values of `_mapcount` that mark a page's type, as unsigned 32 bits. */
  readonly type: {
    readonly buddy: number | undefined;
    readonly offline: number | undefined;
    readonly hugetlb: number | undefined;
    readonly slab: number | undefined;
    readonly unaccepted: number | undefined;
    readonly pageTable: number | undefined;
    readonly zsmalloc: number | undefined;
  };
  /** The bits of `_mapcount` that hold a type; the other bits have a meaning of the type's own. */
  readonly typeMask: number;
  readonly order: OrderField | undefined;
  readonly hugetlb: HugetlbMark | undefined;
  /** Number of buddy orders (MAX_ORDER, NR_PAGE_ORDERS): an order must be less. */
  readonly orders: number | undefined;
  /** What VMCOREINFO says that is impossible, and was left out. */
  readonly impossible: readonly ImpossibleFact[];
}

/** A fact that VMCOREINFO has, but that no kernel has, and what is kept without it. */
export interface ImpossibleFact {
  readonly what: string;
  readonly kept: string;
}

/** Where the order of a compound page is: in the struct page after its head's. */
export interface OrderField {
  /** Bytes from the start of page[1]. */
  readonly offset: number;
  /** Width in bytes. In an unsigned long the low byte is the order. */
  readonly width: 1 | 2 | 4 | 8;
  /** Only the low 8 bits count (6.6 and later, where other flags share the word). */
  readonly lowByte: boolean;
}

/** How a hugetlb page differs from other compound pages, if not by the head's page type. */
export type HugetlbMark =
  /** A destructor's number (4.4 to 6.5) or address (before) in page[1]. */
  | { readonly kind: "destructor"; readonly offset: number; readonly width: 1 | 2 | 4 | 8; readonly value: bigint }
  /** A flag bit of page[1] (6.6 to 6.8). */
  | { readonly kind: "flag"; readonly bit: number };

/** The layout, or what is missing to classify pages at all. */
export type PageLayoutResult =
  | { readonly layout: PageLayout; readonly missing: undefined }
  | { readonly layout: undefined; readonly missing: string };

/** Reads the layout from VMCOREINFO. `version` is the dumped kernel's, as `kernelVersion` makes it. */
export function pageLayout(info: Vmcoreinfo, machine: Machine, version: number): PageLayoutResult {
  const size = info.size("page");
  const flags = info.offset("page.flags");
  const mapping = info.offset("page.mapping");
  const refcount = info.offset("page._refcount") ?? info.offset("page._count");
  if (size === undefined || flags === undefined || mapping === undefined || refcount === undefined) {
    const missing = "VMCOREINFO lacks SIZE(page), OFFSET(page.flags), OFFSET(page.mapping) or OFFSET(page._refcount)";
    return { layout: undefined, missing };
  }
  const { wordSize } = machine;
  const lru = info.offset("page.lru");
  const offset = {
    flags,
    mapping,
    index: mapping + 2 * wordSize <= size ? mapping + wordSize : undefined,
    refcount,
    mapcount: info.offset("page._mapcount"),
    private: info.offset("page.private"),
    lru: lru !== undefined && lru % wordSize === 0 && lru + 2 * wordSize <= size ? lru : undefined,
    compoundHead: info.offset("page.compound_head") ?? info.offset("page.compound_info"),
  };
  // Counters have 32 bits, all other fields are words. Readers rely on all fields being inside the struct, and a
  // compiler aligns each of them: with the layout of a 32-bit kernel, whose words lie between those of this one, most
  // pages seem to be none of the classes that the self-check could look at.
  const width = (name: string) => (name === "mapcount" || name === "refcount" ? 4 : wordSize);
  const odd = Object.entries(offset).find(
    ([name, at]) => at !== undefined && (at % width(name) !== 0 || at + width(name) > size),
  );
  if (size % wordSize !== 0 || size < 16 || size > 1024 || odd !== undefined) {
    const what =
      odd === undefined
        ? `SIZE(page)=${size}`
        : `OFFSET(page.${NAMES[odd[0]] ?? odd[0]})=${odd[1]} with SIZE(page)=${size}`;
    return { layout: undefined, missing: `VMCOREINFO has ${what}, which is impossible` };
  }
  const buddy = buddyValue(info, version);
  const layout: PageLayout = {
    size,
    littleEndian: machine.littleEndian,
    wordSize,
    offset,
    bit: flagBits(info, version),
    headMask: headMask(info, version),
    type: {
      buddy,
      offline: typeValue(info, "PAGE_OFFLINE_MAPCOUNT_VALUE"),
      hugetlb: typeValue(info, "PAGE_HUGETLB_MAPCOUNT_VALUE"),
      slab: typeValue(info, "PAGE_SLAB_MAPCOUNT_VALUE"),
      unaccepted: typeValue(info, "PAGE_UNACCEPTED_MAPCOUNT_VALUE"),
      ...unnamedTypes(buddy, version),
    },
    typeMask: buddy === TOP_BYTE_BUDDY ? 0xff00_0000 : 0xffff_ffff,
    order: inside(orderField(info, machine, version, size), size),
    hugetlb: inside(hugetlbMark(info, machine, version, size), size),
    orders: info.length("zone.free_area"),
    impossible: [],
  };
  return { layout, missing: undefined };
}

/** The kernel's names of members that are called something else in `offset`. */
const NAMES: Readonly<Record<string, string>> = {
  refcount: "_refcount",
  mapcount: "_mapcount",
  compoundHead: "compound_head",
};

/** The field, if it lies inside a struct page. */
function inside<T extends object>(field: T | undefined, size: number): T | undefined {
  if (field === undefined || !("offset" in field && "width" in field)) return field;
  return Number(field.offset) + Number(field.width) <= size ? field : undefined;
}

/**
 * Kernels before 4.0 export only some flag numbers, but all have the same (include/linux/page-flags.h of 2.6.26 to
 * 3.19). What a newer kernel leaves out it does not have: its bit 7 may be PG_waiters, not PG_slab.
 */
const ALL_NUMBERS_EXPORTED = kernelVersion(4, 0);

function flagBits(info: Vmcoreinfo, version: number): PageLayout["bit"] {
  const old = version < ALL_NUMBERS_EXPORTED;
  const bit = (name: string, otherwise?: number) => {
    const value = info.number(name);
    if (value === undefined) return old ? otherwise : undefined;
    return value >= 0n && value < 32n ? Number(value) : undefined;
  };
  const privateBit = bit("PG_private", 11);
  const swapcache = bit("PG_swapcache", 15);
  // Where the swapcache bit is an alias of owner_priv_1 (4.10 and later) it counts only with swapbacked, which is
  // exported from 4.18 on; where it is not, it lies 6 bits above private (include/linux/page-flags.h of 4.10 to 4.17).
  const alias = privateBit !== undefined && swapcache !== undefined && swapcache < privateBit;
  return {
    lru: bit("PG_lru", 5),
    private: privateBit,
    swapcache,
    swapbacked: bit("PG_swapbacked") ?? (alias ? privateBit + 6 : undefined),
    // 6.10 and later export a page type instead: bit 7 is PG_waiters there.
    slab: info.number("PAGE_SLAB_MAPCOUNT_VALUE") === undefined ? bit("PG_slab", 7) : undefined,
    hwpoison: bit("PG_hwpoison"),
    // Exported by no kernel so far: the bit below PG_private from 2.6.26 to 7.1 (enum pageflags in page-flags.h).
    reserved: bit("PG_reserved") ?? (privateBit ? privateBit - 1 : undefined),
    buddy: bit("PG_buddy"),
  };
}

function headMask(info: Vmcoreinfo, version: number): number | undefined {
  const value = info.number("PG_head_mask");
  if (value !== undefined) return value > 0n && value < 1n << 32n ? Number(value) : undefined;
  return version < ALL_NUMBERS_EXPORTED ? 1 << 14 : undefined;
}

function typeValue(info: Vmcoreinfo, name: string): number | undefined {
  const value = info.number(name);
  return value === undefined ? undefined : Number(BigInt.asUintN(32, value));
}

/** Not exported at first: -2 in 2.6.38, -128 later (include/linux/mm.h). */
function buddyValue(info: Vmcoreinfo, version: number): number | undefined {
  const exported = typeValue(info, "PAGE_BUDDY_MAPCOUNT_VALUE");
  if (exported !== undefined || version >= kernelVersion(4, 18)) return exported;
  if (version >= kernelVersion(2, 6, 39)) return 0xffff_ff80;
  return version === kernelVersion(2, 6, 38) ? 0xffff_fffe : undefined;
}

/** PAGE_BUDDY_MAPCOUNT_VALUE of kernels whose types are numbers in the top byte: 6.12 and later. */
const TOP_BYTE_BUDDY = 0xf000_0000;

/**
 * Values of page types that VMCOREINFO has no name for. They follow from the buddy type's value and from the version
 * (include/linux/page-flags.h).
 */
function unnamedTypes(buddy: number | undefined, version: number) {
  if (buddy === TOP_BYTE_BUDDY) return { pageTable: 0xf200_0000, zsmalloc: 0xf600_0000 };
  // 6.11: one bit cleared, from the top down.
  if (buddy === 0xbfff_ffff) return { pageTable: 0xefff_ffff, zsmalloc: 0xfeff_ffff };
  // 4.18: one bit cleared, from 0x80 up; until 5.10 0x200 is PG_kmemcg.
  if (buddy !== 0xffff_ff7f) return { pageTable: undefined, zsmalloc: undefined };
  return { pageTable: version < kernelVersion(5, 11) ? 0xffff_fbff : 0xffff_fdff, zsmalloc: undefined };
}

/**
 * The place of the order is chosen by exported names, because distributions put the memory management of 6.6 to 6.12
 * into kernels called 5.14 and 4.18 (RHEL). compound_head is exported since 4.6. So was compound_order, until 6.6 moved
 * it into page[1].flags. A text with the number of hugetlb's destructor but without the order's place lacks lines. Only
 * kernels that export none of this, 4.4 and 4.5 (place not known) and older ones (page[1].lru.prev), are distinguished
 * by their version.
 */
function orderField(info: Vmcoreinfo, machine: Machine, version: number, size: number): OrderField | undefined {
  const folio = info.offset("folio._folio_order");
  if (folio !== undefined) return folio >= size ? { offset: folio - size, width: 1, lowByte: false } : undefined;
  const page = info.offset("page.compound_order");
  if (page !== undefined) return { offset: page, width: compoundWidth(info, version), lowByte: false };
  const flags = info.offset("page.flags");
  if ((info.offset("page.compound_head") ?? info.offset("page.compound_info")) !== undefined) {
    if (info.number("HUGETLB_PAGE_DTOR") !== undefined || flags === undefined) return undefined;
    return { offset: flags, width: machine.wordSize, lowByte: true };
  }
  const lru = info.offset("page.lru");
  if (version >= kernelVersion(4, 4) || lru === undefined) return undefined;
  const prev = info.offset("list_head.prev") ?? machine.wordSize;
  return { offset: lru + prev, width: machine.wordSize, lowByte: false };
}

/** Bytes of compound_order and compound_dtor: neighbours, and both exported; 1 since 4.16. */
function compoundWidth(info: Vmcoreinfo, version: number): 1 | 2 {
  const [order, dtor] = [info.offset("page.compound_order"), info.offset("page.compound_dtor")];
  if (order !== undefined && dtor !== undefined) return Math.abs(order - dtor) === 1 ? 1 : 2;
  return version < kernelVersion(4, 16) ? 2 : 1;
}

function hugetlbMark(info: Vmcoreinfo, machine: Machine, version: number, size: number): HugetlbMark | undefined {
  const bit = info.number("PG_hugetlb");
  if (bit !== undefined) return bit >= 0n && bit < 32n ? { kind: "flag", bit: Number(bit) } : undefined;
  const id = info.number("HUGETLB_PAGE_DTOR");
  const folio = info.offset("folio._folio_dtor");
  const page = info.offset("page.compound_dtor");
  if (id !== undefined) {
    if (folio !== undefined && folio >= size) return { kind: "destructor", offset: folio - size, width: 1, value: id };
    return page === undefined
      ? undefined
      : { kind: "destructor", offset: page, width: compoundWidth(info, version), value: id };
  }
  const address = info.symbol("free_huge_page");
  const lru = info.offset("page.lru");
  if (address === undefined || lru === undefined) return undefined;
  const next = info.offset("list_head.next") ?? 0;
  return { kind: "destructor", offset: lru + next, width: machine.wordSize, value: address };
}
