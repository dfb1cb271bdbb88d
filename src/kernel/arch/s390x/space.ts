import type { Dump } from "../../../reader/dump.js";
import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../../address-space.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import { joinMaps } from "../fixed-maps.js";
import { walkTables } from "../page-walk.js";
import { sectionShape } from "../section-shape.js";
import type { DecodeEntry } from "../table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "../try-spaces.js";

/** The page tables of an s390x kernel, as plain data. */
export interface S390xSpace {
  readonly arch: "s390x";
  /** Physical address of swapper_pg_dir. */
  readonly root: number;
  /** Kind of the top table: 1 a region-third table (42-bit addresses), 2 a region-second, 3 a region-first table. */
  readonly topType: number;
}

/** z/Architecture, Dynamic Address Translation: region tables, then segments of 1 MiB, then pages. */
const LEVELS = [
  { shift: 53, bits: 11 },
  { shift: 42, bits: 11 },
  { shift: 31, bits: 11 },
  { shift: 20, bits: 11 },
  { shift: 12, bits: 8 },
];
const TOP_TYPE_OF_ALL = 3;
const INVALID = 0x20n;
const TYPE_SHIFT = 2n;
/** Format control: the entry maps 2 GiB (region third) or 1 MiB (segment). */
const LARGE = 0x400n;
/** Page entries: invalid, or a bit that must be zero. */
const PAGE_INVALID = 0xc00n;

/**
 * Translates all addresses by the page tables: memory, the kernel's image and the vmemmap are all mapped there, in the
 * old layout (virtual = physical) and in the layout of 6.10 and later (each at a place of its own). Table offset and
 * length in entries are for shortened tables, which Linux does not make.
 */
export function s390xAddressSpace({ root, topType }: S390xSpace, memory: PhysicalMemory): AddressSpace {
  const levels = LEVELS.slice(TOP_TYPE_OF_ALL - topType);
  const decode: DecodeEntry = (entry, level) => {
    const type = topType - level;
    if (type < 0) return (entry & PAGE_INVALID) === 0n ? { page: Number(entry & ~0xfffn), shift: 12 } : undefined;
    // An entry names the type of its table; one with another type is not a valid entry.
    if ((entry & INVALID) !== 0n || Number((entry >> TYPE_SHIFT) & 3n) !== type) return undefined;
    if (type === 0) {
      return (entry & LARGE) !== 0n
        ? { page: Number(entry & ~0xf_ffffn), shift: 20 }
        : { table: Number(entry & ~0x7ffn) };
    }
    if (type === 1 && (entry & LARGE) !== 0n) return { page: Number(entry & ~0x7fff_ffffn), shift: 31 };
    return { table: Number(entry & ~0xfffn) };
  };
  return walkTables({ root, levels, entrySize: 8, littleEndian: false }, memory, decode);
}

/** Finds the page tables: swapper_pg_dir lies in the kernel's image. */
export function findS390xSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<S390xSpace> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  return s390xFound(info, firstThatReads(dump, info, guesses(dump, info, top), s390xAddressSpace));
}

function s390xFound(info: Vmcoreinfo, { image, utsname }: NamedSpace<S390xSpace>): FoundSpace<S390xSpace> {
  return {
    image,
    utsname,
    physBase: 0n,
    // Memory's own mapping begins at 0 in most kernels.
    lowestAddress: 0n,
    // arch/s390/include/asm/sparsemem.h: 46 bits since 2.6.38 or so, 42 before.
    sections: sectionShape(info, 28, [46, 42]),
    flatStartPfn: 0,
  };
}

/** How many addresses behind the image's start still belong to the image. */
const MOST_IMAGE = 1n << 28n;
/** The most memory that a kernel maps: MAX_PHYSMEM_BITS. */
const MOST_MEMORY = 1n << 46n;

/**
 * VMCOREINFO or the os_info block say where the image is. Memory is mapped from IDENTITYBASE on; before 6.10 virtual
 * addresses were physical ones. Processes' tables lack the kernel's part.
 */
export function* rescueS390x(dump: Dump, info: Vmcoreinfo): Generator<TableRescue<S390xSpace>> {
  const text = info.items.get("IDENTITYBASE");
  const base = text !== undefined && /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : 0n;
  for (const place of [imageInVmcoreinfo(info), imageInOsInfo(dump), undefined]) {
    const image = place && { start: place.virtual, end: place.virtual + MOST_IMAGE, paddr: place.physical };
    // The image is behind the part of the address space that memory may take.
    const end = image !== undefined && image.start > base ? image.start : base + MOST_MEMORY;
    const memory = { start: base, end, paddr: 0n };
    yield {
      image: { arch: "s390x", root: 0, topType: 1 },
      maps: joinMaps(image === undefined ? [memory] : [memory, image]),
      shared: false,
      describe: (named) => s390xFound(info, named),
    };
  }
}

function* guesses(dump: Dump, info: Vmcoreinfo, top: bigint): Generator<Guess<S390xSpace>> {
  const offsets = [imageInVmcoreinfo(info), imageInOsInfo(dump)].filter((place) => place !== undefined);
  const roots = [...offsets.map(({ virtual, physical }) => top - virtual + physical), top];
  for (const address of new Set(roots)) {
    if (address < 0n || address > BigInt(Number.MAX_SAFE_INTEGER)) continue;
    const root = Number(address);
    const topType = tableType(dump.memory, root);
    if (topType === undefined) continue;
    yield { image: { arch: "s390x", root, topType }, name: `swapper_pg_dir at ${hex(root)}` };
  }
}

/** Virtual and physical address of the kernel's image. */
interface ImagePlace {
  readonly virtual: bigint;
  readonly physical: bigint;
}

/** Only in kernels that also export KERNELOFFPHYS (6.10 and later) KERNELOFFSET is the image's virtual start. */
function imageInVmcoreinfo(info: Vmcoreinfo): ImagePlace | undefined {
  const text = info.items.get("KERNELOFFPHYS");
  if (text === undefined || !/^[0-9a-f]{1,16}$/i.test(text)) return undefined;
  return { virtual: info.kernelOffset, physical: BigInt(`0x${text}`) };
}

/** Lowcore's pointer to the os_info block, and the block's magic "OSINFO" (arch/s390/include/asm/os_info.h). */
const LOWCORE_OS_INFO = 0xe18;
const OS_INFO_MAGIC = 0x4f53494e464f535an;
const OS_INFO_ENTRIES = 32;
const OS_INFO_ENTRY_SIZE = 20;
const OS_INFO_KASLR_OFFSET = 5;
const OS_INFO_KASLR_PHYS = 6;

/** The same from the block that the kernel leaves for stand-alone dump tools. */
function imageInOsInfo(dump: Dump): ImagePlace | undefined {
  const read = (paddr: number, length: number): DataView | undefined => {
    const bytes = new Uint8Array(length);
    return dump.memory.read(bytes, paddr) === length ? new DataView(bytes.buffer) : undefined;
  };
  const pointer = read(LOWCORE_OS_INFO, 8)?.getBigUint64(0);
  if (pointer === undefined || pointer === 0n || pointer % 4096n !== 0n) return undefined;
  if (pointer > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const block = read(Number(pointer), 4096);
  if (block === undefined || block.getBigUint64(0) !== OS_INFO_MAGIC) return undefined;
  const entry = (number: number) => block.getBigUint64(OS_INFO_ENTRIES + number * OS_INFO_ENTRY_SIZE);
  const virtual = entry(OS_INFO_KASLR_OFFSET);
  return virtual === 0n ? undefined : { virtual, physical: entry(OS_INFO_KASLR_PHYS) };
}

/** The type of the table at `root`: all entries, valid or not, name it. */
function tableType(memory: PhysicalMemory, root: number): number | undefined {
  const bytes = new Uint8Array(8);
  if (root % 4096 !== 0 || memory.read(bytes, root) < 8) return undefined;
  const type = Number((new DataView(bytes.buffer).getBigUint64(0) >> TYPE_SHIFT) & 3n);
  return type === 0 ? undefined : type;
}
