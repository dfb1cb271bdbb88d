/** struct page as bytes, for each kind of page and kernel. */

import { type ByteOrder, setInteger } from "../bytes.js";
import { compoundOrder, type PageDescription } from "./page-kinds.js";
import { COMPOUND_DTOR, FLAGS1_HUGETLB_BIT, type KernelFeatures } from "./versions.js";

/** What an encoder has to know beside the page itself. */
export interface StructContext {
  readonly features: KernelFeatures;
  readonly byteOrder: ByteOrder;
  readonly structSize: number;
  /** Kernel address of a pfn's struct page. */
  readonly structAddress: (pfn: number) => bigint;
  /** Addresses that stand in mapping: of an address_space, of an anon_vma, of the free_huge_page function. */
  readonly addresses: { readonly addressSpace: bigint; readonly anonVma: bigint; readonly freeHugePage: bigint };
}

/** The fields of one struct page. */
export interface PageFields {
  flags: bigint;
  mapcount: number;
  refcount: number;
  mapping: bigint;
  private: bigint;
  index: bigint;
  lruNext: bigint;
  lruPrev: bigint;
  /** Written over the rest: offset, size, value. */
  extra: [offset: number, size: 1 | 2 | 4 | 8, value: bigint][];
}

/** Zone and last CPU in the upper half of the flags: bits which a filter has to leave alone. */
const UPPER_FLAGS = 0x4017_ffff_c000_0000n;
const LIST_POISON1 = 0xdead_0000_0000_0100n;
const LIST_POISON2 = 0xdead_0000_0000_0122n;
const TAIL_MAPPING = 0xdead_0000_0000_0400n;

/** An allocated page with no mark at all. */
export function plainPage(): PageFields {
  return {
    flags: UPPER_FLAGS,
    mapcount: -1,
    refcount: 1,
    mapping: 0n,
    private: 0n,
    index: 0n,
    lruNext: LIST_POISON1,
    lruPrev: LIST_POISON2,
    extra: [],
  };
}

/** A page that is not there, or which the kernel never gives out. */
export function reservedPage(features: KernelFeatures): PageFields {
  return { ...plainPage(), flags: UPPER_FLAGS | (1n << BigInt(features.bits.reserved)) };
}

/** The struct pages of one block, in order of pfns. Free pages get their list links elsewhere. */
export function blockFields(page: PageDescription, head: number, pages: number, context: StructContext): PageFields[] {
  const fields = Array.from({ length: pages }, plainPage);
  const first = fields[0];
  if (first === undefined) {
    return [];
  }
  fillHead(first, page, context);
  if (page.kind === "free") {
    for (const one of fields) {
      one.refcount = 0;
    }
  }
  const order = compoundOrder(page);
  if (order > 0) {
    makeCompound(fields, page, head, order, context);
  }
  return fields;
}

function fillHead(fields: PageFields, page: PageDescription, context: StructContext): void {
  const { bits, types, layout } = context.features;
  const set = (...numbers: readonly number[]): void => {
    for (const bit of numbers) {
      fields.flags |= 1n << BigInt(bit);
    }
  };
  const { addressSpace, anonVma } = context.addresses;
  const ordinary = [bits.uptodate, bits.referenced];
  const file = (...more: readonly number[]): void => {
    set(...ordinary, ...more);
    fields.mapping = addressSpace;
    fields.index = 5n;
    fields.refcount = 2;
  };
  const anon = (...more: readonly number[]): void => {
    set(...ordinary, bits.swapbacked, ...more);
    fields.mapping = anonVma | 1n;
    fields.mapcount = 0;
  };
  if (page.hwpoison) {
    set(bits.hwpoison);
  }
  const kind =
    page.kind === "thp"
      ? ({ anon: "anon", file: "cache", "file-private": "cache-private" } as const)[page.of ?? "anon"]
      : page.kind;
  switch (kind) {
    case "free":
      fields.private = BigInt(page.statedOrder ?? page.order ?? 0);
      fields.mapcount = types.buddy ?? -1;
      if (types.buddy === undefined) {
        set(19);
      }
      break;
    case "pcp-free":
      fields.refcount = 0;
      break;
    case "cache":
      file(bits.lru, bits.dirty);
      break;
    case "cache-private":
      file(bits.lru, bits.private);
      fields.private = addressSpace + 0x100n;
      break;
    case "shmem":
      file(bits.lru, bits.swapbacked);
      break;
    case "swapcache-shmem":
      file(bits.swapcache, bits.swapbacked);
      break;
    case "isolated-file":
      file();
      break;
    case "anon":
      anon(bits.lru, bits.active);
      break;
    case "isolated-anon":
      anon();
      break;
    case "swapcache":
      anon(bits.lru, bits.swapcache);
      fields.private = 0x1234n;
      break;
    case "ksm":
      anon(bits.lru);
      fields.mapping = anonVma | 3n;
      break;
    case "hugetlb":
      set(bits.uptodate);
      fields.mapping = addressSpace;
      if (types.hugetlb !== undefined) {
        fields.mapcount = types.hugetlb;
      }
      break;
    case "slab":
      fillSlab(fields, page, context);
      break;
    case "pagetable":
      fields.mapcount = types.table ?? -1;
      fields.private = 1n;
      break;
    case "reserved":
      set(bits.reserved);
      break;
    case "movable":
      fields.mapping = addressSpace | 2n;
      fields.private = 0x77n;
      break;
    case "owner-priv-1":
      set(bits.ownerPriv1, bits.uptodate);
      break;
    case "hwpoison":
      set(bits.hwpoison);
      break;
    case "offline":
      fields.mapcount = types.offline ?? -1;
      break;
    case "unaccepted":
      fields.mapcount = types.unaccepted ?? -1;
      fields.refcount = 0;
      break;
    case "kernel":
      fields.extra.push([layout.index, 8, 0x55n]);
      break;
  }
}

function fillSlab(fields: PageFields, page: PageDescription, context: StructContext): void {
  const { bits, types } = context.features;
  if (types.slab !== undefined) {
    fields.mapcount = types.slab;
  } else if (bits.slab !== undefined) {
    fields.flags |= 1n << BigInt(bits.slab);
    const value = { anon: undefined, free: types.buddy, offline: types.offline }[page.disguise ?? "anon"];
    fields.mapcount = value ?? 0x0020_0015;
  }
  if (page.disguise === "anon") {
    fields.mapping = context.addresses.anonVma | 1n;
  }
}

function makeCompound(
  fields: readonly PageFields[],
  page: PageDescription,
  head: number,
  order: number,
  context: StructContext,
): void {
  const { features } = context;
  const { bits, layout } = features;
  const [first, second] = fields;
  if (first === undefined || second === undefined) {
    return;
  }
  first.flags |= 1n << BigInt(bits.head);
  if (page.kind === "thp") {
    // Mapped as a whole, which is counted elsewhere.
    first.mapcount = -1;
  }
  const headAddress = context.structAddress(head);
  const link = features.headLink === "compound_info" ? compoundInfo(headAddress, order, context) : headAddress | 1n;
  for (const tail of fields.slice(1)) {
    tail.refcount = 0;
    if (bits.tail !== undefined) {
      tail.flags |= 1n << BigInt(bits.tail);
      tail.private = headAddress;
    }
    if (features.headLink !== undefined) {
      tail.lruNext = link;
      tail.lruPrev = 0n;
      tail.mapping = TAIL_MAPPING;
    }
  }
  const dtor = page.kind === "hugetlb" ? "hugetlb" : page.kind === "thp" ? "transhuge" : "plain";
  const inLru = layout.lru + 8;
  switch (features.compound) {
    case "lru":
      second.lruNext = dtor === "hugetlb" ? context.addresses.freeHugePage : context.addresses.freeHugePage + 0x40n;
      second.lruPrev = BigInt(order);
      break;
    case "u16":
      second.extra.push([inLru, 2, BigInt(COMPOUND_DTOR[dtor])], [inLru + 2, 2, BigInt(order)]);
      break;
    case "u8":
    case "folio":
      second.extra.push([inLru, 1, BigInt(COMPOUND_DTOR[dtor])], [inLru + 1, 1, BigInt(order)]);
      break;
    case "flags1":
      second.flags = (second.flags & ~0xffn) | BigInt(order);
      if (features.hugetlb === "flags1-bit" && dtor === "hugetlb") {
        second.flags |= 1n << BigInt(FLAGS1_HUGETLB_BIT);
      }
      break;
  }
}

/** 7.1: with a struct size that is a power of two, the tail holds a mask under which its own address is the head's. */
function compoundInfo(headAddress: bigint, order: number, context: StructContext): bigint {
  const size = BigInt(context.structSize);
  if ((size & (size - 1n)) !== 0n) {
    return headAddress | 1n;
  }
  return BigInt.asUintN(64, -(size << BigInt(order))) | 1n;
}

/** The bytes of one struct page. */
export function encodeFields(fields: PageFields, context: StructContext): Uint8Array {
  const { layout } = context.features;
  const bytes = new Uint8Array(context.structSize);
  const view = new DataView(bytes.buffer);
  const little = context.byteOrder === "little";
  const put = (offset: number, size: 1 | 2 | 4 | 8, value: bigint | number): void =>
    setInteger(view, offset, size, value, little);
  put(layout.flags, 8, fields.flags);
  put(layout.mapping, 8, fields.mapping);
  put(layout.index, 8, fields.index);
  put(layout.private, 8, fields.private);
  put(layout.mapcount, 4, fields.mapcount);
  put(layout.refcount, 4, fields.refcount);
  put(layout.lru, 8, fields.lruNext);
  put(layout.lru + 8, 8, fields.lruPrev);
  for (const [offset, size, value] of fields.extra) {
    put(offset, size, value);
  }
  return bytes;
}
