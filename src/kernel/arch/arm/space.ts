import type { Dump } from "../../../reader/dump.js";
import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../../address-space.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import { evenLevels, walkTables } from "../page-walk.js";
import { sectionShape } from "../section-shape.js";
import type { DecodeEntry } from "../table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "../try-spaces.js";

/** The page tables of a 32-bit ARM kernel, as plain data. */
export interface ArmSpace {
  readonly arch: "arm";
  readonly root: number;
  /** The long-descriptor format: three levels of 8-byte entries. */
  readonly lpae: boolean;
  /** `pageOffset`: where the direct map begins. `physOffset`: the physical address there. */
  readonly pageOffset: bigint;
  readonly physOffset: number;
}

const SHORT_LEVELS = [
  { shift: 20, bits: 12 },
  { shift: 12, bits: 8 },
];
const LPAE_LEVELS = evenLevels(32, 12, 9);
const LPAE_ADDRESS = 0x00ff_ffff_f000n;

/** Walks the hardware's tables. Linux keeps its own flags in a second copy of the bottom level. */
export function armAddressSpace({ root, lpae }: ArmSpace, memory: PhysicalMemory): AddressSpace {
  const shape = { root, levels: lpae ? LPAE_LEVELS : SHORT_LEVELS, entrySize: lpae ? 8 : 4, littleEndian: true };
  return walkTables(shape as typeof shape & { entrySize: 4 | 8 }, memory, lpae ? decodeLong : decodeShort);
}

/**
 * Arm ARM (ARMv7-A) B3.5: tables of 1 MiB sections and 16 MiB supersections, above tables of 4 KiB and 64 KiB pages.
 */
const decodeShort: DecodeEntry = (entry, level) => {
  const kind = entry & 3n;
  if (kind === 0n) return undefined;
  if (level === 1) {
    if (kind === 1n) return { page: Number(entry & 0xffff_0000n), shift: 16 };
    return { page: Number(entry & 0xffff_f000n), shift: 12 };
  }
  if (kind === 1n) return { table: Number(entry & 0xffff_fc00n) };
  if ((entry & (1n << 18n)) === 0n) return { page: Number(entry & 0xfff0_0000n), shift: 20 };
  const high = (((entry >> 20n) & 0xfn) << 32n) | (((entry >> 5n) & 0xfn) << 36n);
  return { page: Number((entry & 0xff00_0000n) | high), shift: 24 };
};

/** Arm ARM B3.6. */
const decodeLong: DecodeEntry = (entry, level) => {
  const kind = entry & 3n;
  const address = entry & LPAE_ADDRESS;
  if (kind === 3n) return level === 2 ? { page: Number(address), shift: 12 } : { table: Number(address) };
  if (kind !== 1n || level === 2) return undefined;
  const shift = level === 0 ? 30 : 21;
  return { page: Number(address & ~((1n << BigInt(shift)) - 1n)), shift };
};

/** Values of CONFIG_PAGE_OFFSET (arch/arm/Kconfig, VMSPLIT). */
const PAGE_OFFSETS = [0xc000_0000n, 0xb000_0000n, 0x8000_0000n, 0x4000_0000n];
/** PHYS_OFFSET is a multiple of this: 2 MiB since 5.11, 16 MiB before (arch/arm/kernel/head.S). */
const PHYS_ALIGN = 1 << 21;

/**
 * Neither PAGE_OFFSET nor PHYS_OFFSET is exported. PAGE_OFFSET is one of few values. PHYS_OFFSET is where memory starts
 * (a dump may lack its first pages), or the value in the header of a kdump file.
 */
export function findArmSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<ArmSpace> {
  return armFound(dump, info, firstThatReads(dump, info, guesses(dump, info), armAddressSpace));
}

function armFound(dump: Dump, info: Vmcoreinfo, { image, utsname }: NamedSpace<ArmSpace>): FoundSpace<ArmSpace> {
  return {
    image,
    utsname,
    physBase: BigInt(image.physOffset),
    lowestAddress: image.pageOffset,
    // arch/arm/include/asm/sparsemem.h: 36 bits; makedumpfile has 32.
    sections: sectionShape(info, 28, [36, 32, 40]),
    // ARCH_PFN_OFFSET is PHYS_OFFSET's pfn (arch/arm/include/asm/memory.h).
    flatStartPfn: image.physOffset / dump.pageSize,
  };
}

/**
 * Low memory is mapped at PAGE_OFFSET, up to the vmalloc area's 240 MiB. Every process's top table has the kernel's
 * part.
 */
export function* rescueArm(dump: Dump, info: Vmcoreinfo): Generator<TableRescue<ArmSpace>> {
  if (info.symbol("swapper_pg_dir") === undefined) return;
  for (const { image } of guesses(dump, info)) {
    const { pageOffset, physOffset } = image;
    const maps = [{ start: pageOffset, end: (1n << 32n) - (240n << 20n), paddr: BigInt(physOffset) }];
    yield { image, maps, shared: !image.lpae, describe: (named) => armFound(dump, info, named) };
  }
}

function* guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<ArmSpace>> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  const exported = info.items.get("CONFIG_ARM_LPAE") === "y";
  const starts = [Number(dump.header.physBase ?? 0n), ...dump.ranges.map(({ start }) => start)];
  const physOffsets = new Set(starts.map((start) => Math.floor(start / PHYS_ALIGN) * PHYS_ALIGN));
  for (const lpae of exported ? [true] : [false, true]) {
    for (const pageOffset of PAGE_OFFSETS.filter((offset) => offset <= top)) {
      for (const physOffset of physOffsets) {
        const root = Number(top - pageOffset) + physOffset;
        const name = `memory from ${hex(physOffset)} on at ${hex(pageOffset)}${lpae ? ", LPAE" : ""}`;
        yield { image: { arch: "arm", root, lpae, pageOffset, physOffset }, name };
      }
    }
  }
}
