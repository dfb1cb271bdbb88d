import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { directMapAmong } from "./direct-map.js";
import { type FixedMap, fixedAddressSpace } from "./fixed-maps.js";
import { evenLevels, walkTables } from "./page-walk.js";
import { NOTE64 } from "./registers.js";
import { sectionShape } from "./section-shape.js";
import type { DecodeEntry } from "./table-shape.js";
import { firstThatReads, hex, needSymbol } from "./try-spaces.js";
import { signExtended } from "./whole-address.js";

/** The memory of a LoongArch kernel, as plain data. */
export interface Loongarch64Space {
  readonly arch: "loongarch64";
  readonly root: number;
  readonly pageShift: number;
  /** 2, 3 or 4. */
  readonly levels: number;
}

/** 64-bit LoongArch. */
export const LOONGARCH64: ArchSupport<Loongarch64Space> = {
  find: findLoongarch64Space,
  attach: loongarch64AddressSpace,
  wholeAddress: signExtended,
  directMap: (kernel) => directMapAmong(kernel, [0x9000_0000_0000_0000n]),
  stack: () => ({ bytes: 16384, hasThreadInfo: true }),
  userFrame: () => ({ sizes: [320], pads: [0], align: 16, clear: [[0, 280]] }),
  noteStackPointer: NOTE64 + 3 * 8,
  // LSX, LASX.
  vectorRegisters: { notes: [0xa02, 0xa03], saved: [{ member: "thread.fpu.fpr" }, { member: "thread.lbt" }] },
};

/** Windows that map all physical memory, one per cache attribute (0x9… is the kernel's own): PA is the low 48 bits. */
const WINDOWS = [8n, 9n, 10n, 11n];
const WINDOW_SHIFT = 60n;
const PHYS_BITS = 48n;
const DIRECT: readonly FixedMap[] = WINDOWS.map((number) => ({
  start: number << WINDOW_SHIFT,
  end: (number << WINDOW_SHIFT) + (1n << PHYS_BITS),
  paddr: 0n,
}));
const LOW_BITS = (1n << PHYS_BITS) - 1n;
/** In an entry above the bottom level: the entry maps a page. In the page-aligned address of a table this bit is 0. */
const HUGE = 1n << 6n;
const PRESENT = 1n << 7n;

/** The vmemmap and vmalloc are in the page tables. Their entries give the address of the next table in a window. */
function loongarch64AddressSpace(image: Loongarch64Space, memory: PhysicalMemory): AddressSpace {
  const { root, pageShift } = image;
  const bits = pageShift - 3;
  const levels = evenLevels(pageShift + image.levels * bits, pageShift, bits);
  const last = levels.length - 1;
  const decode: DecodeEntry = (entry, level) => {
    const shift = pageShift + (last - level) * bits;
    const page = () => ({ page: Number(entry & LOW_BITS & ~((1n << BigInt(shift)) - 1n)), shift });
    if (level === last) return (entry & PRESENT) === 0n ? undefined : page();
    if ((entry & HUGE) !== 0n) return page();
    return isWindow(entry) ? { table: Number(entry & LOW_BITS) } : undefined;
  };
  return fixedAddressSpace(DIRECT, walkTables({ root, levels, entrySize: 8, littleEndian: true }, memory, decode));
}

function isWindow(address: bigint): boolean {
  return WINDOWS.includes(address >> WINDOW_SHIFT);
}

/** All symbols are in a window. Section geometry: arch/loongarch/include/asm/sparsemem.h. */
function findLoongarch64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Loongarch64Space> {
  const pageShift = Math.log2(dump.pageSize);
  const root = Number(needSymbol(dump, info, "swapper_pg_dir") & LOW_BITS);
  const counted = countLevels(dump.memory, root);
  // 48-bit addresses with pages of 4 KiB, 47 with 16 KiB, 55 with 64 KiB. Each can be built with one level less (arch/loongarch/Kconfig).
  const usual = pageShift === 12 ? 4 : 3;
  const guess = {
    image: { arch: "loongarch64", root, pageShift, levels: counted ?? usual } as const,
    name: `tables at ${hex(root)}`,
  };
  const { image, utsname } = firstThatReads(dump, info, [guess], loongarch64AddressSpace);
  return {
    image,
    ...(counted === undefined && { others: [{ ...image, levels: usual - 1 }] }),
    utsname,
    physBase: BigInt.asIntN(64, info.number("phys_base") ?? 0n),
    lowestAddress: 1n << 63n,
    sections: sectionShape(info, 29, [48]),
    flatStartPfn: 0,
  };
}

/**
 * Counts the levels, because their number is not exported. Entries that map nothing point to an empty table of the next
 * level, so every path ends at the bottom level, whose entries are no table addresses. `undefined` if the top table is
 * lost.
 */
function countLevels(memory: PhysicalMemory, root: number): number | undefined {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  let table = root;
  for (let levels = 1; levels < 4; levels++) {
    if (memory.read(bytes, table) < 8) return undefined;
    const entry = view.getBigUint64(0, true);
    // A top table has no other entries, so this one is lost.
    if (levels === 1 && !isWindow(entry)) return undefined;
    if (!isWindow(entry) || (entry & HUGE) !== 0n) return Math.max(levels, 2);
    table = Number(entry & LOW_BITS);
  }
  return 4;
}
