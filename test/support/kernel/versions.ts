/**
 * What changed in Linux' memory management, release by release, as far as a dump filter sees it (64-bit kernels).
 * Every step of the timeline that once broke a filter is a line of a table here.
 */

import { inForce, parseRelease, type Release, since } from "./release.js";

/** Where the members of struct page are. */
export interface PageLayout {
  readonly flags: number;
  readonly refcount: number;
  readonly mapcount: number;
  readonly mapping: number;
  readonly index: number;
  readonly private: number;
  readonly lru: number;
  /** Smallest and usual size of the struct. */
  readonly size: number;
}

/** Bit numbers in page.flags. */
export interface PageFlagBits {
  readonly referenced: number;
  readonly uptodate: number;
  readonly dirty: number;
  readonly lru: number;
  readonly active: number;
  /** Not set as a flag from 6.10 on. */
  readonly slab: number | undefined;
  /** The bit behind PG_swapcache from 4.10 on; before, something else. */
  readonly ownerPriv1: number;
  readonly swapcache: number;
  readonly reserved: number;
  readonly private: number;
  readonly head: number;
  /** Only before 4.4. */
  readonly tail: number | undefined;
  readonly swapbacked: number;
  readonly hwpoison: number;
}

/** Values of _mapcount (page_type) that mark special pages; undefined: this kernel has no such mark. */
export interface PageTypes {
  readonly buddy: number | undefined;
  readonly offline: number | undefined;
  readonly table: number | undefined;
  readonly hugetlb: number | undefined;
  readonly slab: number | undefined;
  readonly unaccepted: number | undefined;
}

/**
 * Where order and destructor of a compound page are:
 * - "lru": page[1].lru.prev and .next (a function's address)
 * - "u16", "u8": page[1].compound_order and .compound_dtor (an id)
 * - "folio": the same, named folio._folio_order and ._folio_dtor
 * - "flags1": order in the low byte of page[1].flags
 */
export type CompoundEncoding = "lru" | "u16" | "u8" | "folio" | "flags1";

/** How a hugetlb page can be told from VMCOREINFO. */
export type HugetlbMark = "unknown" | "dtor-symbol" | "dtor-id" | "flags1-bit" | "type";

export interface KernelFeatures {
  readonly release: Release;
  readonly layout: PageLayout;
  readonly bits: PageFlagBits;
  readonly types: PageTypes;
  readonly compound: CompoundEncoding;
  readonly hugetlb: HugetlbMark;
  /** Name of the tail's link to its head; undefined: tails are marked by PG_tail alone. */
  readonly headLink: "compound_head" | "compound_info" | undefined;
  /** Offset of new_utsname in init_uts_ns. */
  readonly utsnameOffset: number;
  /** Flags in section_mem_map of a normal section. */
  readonly sectionFlags: number;
  /** The mem_section roots are allocated, no longer part of the kernel's data. */
  readonly sectionsAllocated: boolean;
}

const ID_HUGETLB_DTOR = 2;
export const COMPOUND_DTOR = { plain: 1, hugetlb: ID_HUGETLB_DTOR, transhuge: 3 } as const;
/** PG_hugetlb in page[1].flags, 6.6 to 6.8. */
export const FLAGS1_HUGETLB_BIT = 8;
export const MAX_ORDER_COUNT = 11;
export const MIGRATE_TYPES = 5;

const LAYOUTS: readonly (readonly [string, PageLayout])[] = [
  ["2.6.0", { flags: 0, refcount: 8, mapcount: 12, private: 16, mapping: 24, index: 32, lru: 40, size: 56 }],
  ["3.2.0", { flags: 0, mapping: 8, index: 16, mapcount: 24, refcount: 28, lru: 32, private: 48, size: 64 }],
  ["4.18.0", { flags: 0, lru: 8, mapping: 24, index: 32, private: 40, mapcount: 48, refcount: 52, size: 64 }],
];

const FLAG_BITS: readonly (readonly [string, PageFlagBits])[] = [
  [
    "2.6.0",
    flagBits({
      lru: 5,
      active: 6,
      slab: 7,
      owner: 8,
      private: 11,
      head: 14,
      tail: 15,
      cache: 16,
      backed: 20,
      poison: 24,
    }),
  ],
  [
    "2.6.38",
    flagBits({
      lru: 5,
      active: 6,
      slab: 7,
      owner: 8,
      private: 11,
      head: 14,
      tail: 15,
      cache: 16,
      backed: 19,
      poison: 23,
    }),
  ],
  [
    "4.4.0",
    flagBits({ lru: 5, active: 6, slab: 7, owner: 8, private: 11, head: 14, cache: 15, backed: 18, poison: 22 }),
  ],
  [
    "4.10.0",
    flagBits({ lru: 5, active: 6, slab: 8, owner: 9, private: 12, head: 15, cache: 9, backed: 18, poison: 22 }),
  ],
  [
    "4.20.0",
    flagBits({ lru: 4, active: 5, slab: 9, owner: 10, private: 13, head: 16, cache: 10, backed: 19, poison: 22 }, 1),
  ],
  [
    "6.6.0",
    flagBits({ lru: 5, active: 8, slab: 11, owner: 12, private: 15, head: 6, cache: 12, backed: 19, poison: 22 }),
  ],
  ["6.10.0", flagBits({ lru: 5, active: 8, owner: 10, private: 14, head: 6, cache: 10, backed: 17, poison: 20 })],
];

const TYPES: readonly (readonly [string, PageTypes])[] = [
  ["2.6.0", pageTypes({})],
  ["2.6.38", pageTypes({ buddy: -2 })],
  ["2.6.39", pageTypes({ buddy: -128 })],
  ["4.18.0", pageTypes({ buddy: ~0x80, table: ~0x400 })],
  ["5.1.0", pageTypes({ buddy: ~0x80, offline: ~0x100, table: ~0x400 })],
  ["5.11.0", pageTypes({ buddy: ~0x80, offline: ~0x100, table: ~0x200 })],
  ["6.9.0", pageTypes({ buddy: ~0x80, offline: ~0x100, table: ~0x200, hugetlb: ~0x800 })],
  ["6.10.0", pageTypes({ buddy: ~0x80, offline: ~0x100, table: ~0x200, hugetlb: ~0x800, slab: ~0x1000 })],
  [
    "6.11.0",
    pageTypes({
      buddy: ~0x4000_0000,
      offline: ~0x2000_0000,
      table: ~0x1000_0000,
      hugetlb: ~0x0400_0000,
      slab: ~0x0200_0000,
      unaccepted: ~0x0080_0000,
    }),
  ],
  [
    "6.12.0",
    pageTypes({
      buddy: 0xf0 << 24,
      offline: 0xf1 << 24,
      table: 0xf2 << 24,
      hugetlb: 0xf4 << 24,
      slab: 0xf5 << 24,
      unaccepted: 0xf7 << 24,
    }),
  ],
];

const COMPOUND: readonly (readonly [string, CompoundEncoding])[] = [
  ["2.6.0", "lru"],
  ["4.4.0", "u16"],
  ["4.16.0", "u8"],
  ["6.3.0", "folio"],
  ["6.6.0", "flags1"],
];

const HUGETLB: readonly (readonly [string, HugetlbMark])[] = [
  ["2.6.0", "unknown"],
  ["3.17.0", "dtor-symbol"],
  ["4.4.0", "dtor-id"],
  ["6.6.0", "flags1-bit"],
  ["6.9.0", "type"],
];

const SECTION_FLAGS: readonly (readonly [string, number])[] = [
  ["2.6.0", 0b11],
  ["4.13.0", 0b111],
  ["5.3.0", 0b1111],
  ["6.15.0", 0b10_1111],
];

/** The features of a kernel by its release. */
export function kernelFeatures(text: string): KernelFeatures {
  const release = parseRelease(text);
  return {
    release,
    layout: inForce(release, LAYOUTS),
    bits: inForce(release, FLAG_BITS),
    types: inForce(release, TYPES),
    compound: inForce(release, COMPOUND),
    hugetlb: inForce(release, HUGETLB),
    headLink: inForce(release, [
      ["2.6.0", undefined],
      ["4.4.0", "compound_head" as const],
      ["7.1.0", "compound_info" as const],
    ]),
    utsnameOffset: since(release, "5.11") ? 0 : 4,
    sectionFlags: inForce(release, SECTION_FLAGS),
    sectionsAllocated: since(release, "4.15"),
  };
}

interface GivenBits {
  readonly lru: number;
  readonly active: number;
  readonly slab?: number;
  readonly owner: number;
  readonly private: number;
  readonly head: number;
  readonly tail?: number;
  readonly cache: number;
  readonly backed: number;
  readonly poison: number;
}

function flagBits(given: GivenBits, referenced = 2): PageFlagBits {
  return {
    referenced,
    uptodate: referenced + 1,
    dirty: referenced + 2,
    lru: given.lru,
    active: given.active,
    slab: given.slab,
    ownerPriv1: given.owner,
    swapcache: given.cache,
    reserved: given.private - 1,
    private: given.private,
    head: given.head,
    tail: given.tail,
    swapbacked: given.backed,
    hwpoison: given.poison,
  };
}

function pageTypes(given: { readonly [Name in keyof PageTypes]?: number }): PageTypes {
  const { buddy, offline, table, hugetlb, slab, unaccepted } = given;
  return { buddy, offline, table, hugetlb, slab, unaccepted };
}
