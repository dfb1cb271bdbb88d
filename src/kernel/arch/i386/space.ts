import type { Dump } from "../../../reader/dump.js";
import type { PhysicalMemory } from "../../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../../address-space.js";
import { kernelVersion, parseKernelVersion } from "../../version.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import { evenLevels, walkTables } from "../page-walk.js";
import { sectionShape } from "../section-shape.js";
import type { DecodeEntry } from "../table-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "../try-spaces.js";

/** The page tables of a 32-bit x86 kernel, as plain data. */
export interface I386Space {
  readonly arch: "i386";
  readonly root: number;
  /** Three levels of 8-byte entries instead of two of 4 bytes. */
  readonly pae: boolean;
  /** Where the direct map begins; addresses below it are user memory. */
  readonly pageOffset: bigint;
}

const PRESENT = 1n;
const LARGE = 1n << 7n;
const PAE_ADDRESS = 0x000f_ffff_ffff_f000n;
const LEVELS = evenLevels(32, 12, 10);
const PAE_LEVELS = evenLevels(32, 12, 9);

/** Low memory, the vmalloc area and NUMA's remapped struct pages are all in the page tables. */
export function i386AddressSpace({ root, pae }: I386Space, memory: PhysicalMemory): AddressSpace {
  const shape = { root, levels: pae ? PAE_LEVELS : LEVELS, entrySize: pae ? 8 : 4, littleEndian: true } as const;
  return walkTables(shape, memory, pae ? decodePae : decodePlain);
}

/** Intel SDM volume 3, 4.3: pages of 4 MiB have physical bits 32 to 39 in bits 13 to 20 (PSE-36). */
const decodePlain: DecodeEntry = (entry, level) => {
  if ((entry & PRESENT) === 0n) return undefined;
  if (level === 1) return { page: Number(entry & 0xffff_f000n), shift: 12 };
  if ((entry & LARGE) === 0n) return { table: Number(entry & 0xffff_f000n) };
  return { page: Number((entry & 0xffc0_0000n) | (((entry >> 13n) & 0xffn) << 32n)), shift: 22 };
};

/** Intel SDM volume 3, 4.4. */
const decodePae: DecodeEntry = (entry, level) => {
  if ((entry & PRESENT) === 0n) return undefined;
  const address = entry & PAE_ADDRESS;
  if (level === 2) return { page: Number(address), shift: 12 };
  if (level === 1 && (entry & LARGE) !== 0n) return { page: Number(address & ~0x1f_ffffn), shift: 21 };
  return { table: Number(address) };
};

/** Values of CONFIG_PAGE_OFFSET (arch/x86/Kconfig, VMSPLIT): it is not exported. */
export const I386_PAGE_OFFSETS = [0xc000_0000n, 0xb000_0000n, 0x8000_0000n, 0x7800_0000n, 0x4000_0000n];

/**
 * The kernel is linked and relocated so that its addresses are those of the direct map: physical ones + PAGE_OFFSET.
 */
export function findI386Space(dump: Dump, info: Vmcoreinfo): FoundSpace<I386Space> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  return i386Found(info, firstThatReads(dump, info, guesses(top, info), i386AddressSpace));
}

function i386Found(info: Vmcoreinfo, { image, utsname }: NamedSpace<I386Space>): FoundSpace<I386Space> {
  const version = parseKernelVersion(utsname.release) ?? 0;
  // arch/x86/include/asm/sparsemem.h, and include/asm-i386/sparsemem.h before.
  const bits = image.pae ? (version < kernelVersion(2, 6, 26) ? 30 : 29) : 26;
  return {
    image,
    utsname,
    physBase: 0n,
    lowestAddress: image.pageOffset,
    sections: sectionShape(info, bits, [image.pae ? 36 : 32]),
    flatStartPfn: 0,
  };
}

/**
 * Low memory is mapped at PAGE_OFFSET, up to the vmalloc area's 128 MiB. Every process's top table has the kernel's
 * part.
 */
export function* rescueI386(_dump: Dump, info: Vmcoreinfo): Generator<TableRescue<I386Space>> {
  const top = info.symbol("swapper_pg_dir");
  if (top === undefined) return;
  for (const { image } of guesses(top, info)) {
    const maps = [{ start: image.pageOffset, end: (1n << 32n) - (1n << 27n), paddr: 0n }];
    // With PAE the top table is 32 bytes in an object of its own.
    yield { image, maps, shared: !image.pae, describe: (named) => i386Found(info, named) };
  }
}

function* guesses(top: bigint, info: Vmcoreinfo): Generator<Guess<I386Space>> {
  const exported = info.items.get("CONFIG_X86_PAE") === "y";
  for (const pae of exported ? [true] : [false, true]) {
    for (const pageOffset of I386_PAGE_OFFSETS.filter((offset) => offset <= top)) {
      const root = Number(top - pageOffset);
      const name = `${pae ? "PAE" : "no PAE"}, direct map at ${hex(pageOffset)}`;
      yield { image: { arch: "i386", root, pae, pageOffset }, name };
    }
  }
}
