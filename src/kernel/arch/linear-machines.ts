import type { Dump } from "../../reader/dump.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import type { FoundSpace } from "./arch-support.js";
import { type FixedMap, fixedAddressSpace } from "./fixed-maps.js";
import { sectionShape } from "./section-shape.js";
import { firstThatReads, type Guess, hex } from "./try-spaces.js";

/**
 * Machines whose kernels have all that a filter needs at fixed addresses: mips, mips64 and 32-bit PowerPC, where no
 * memory model puts struct pages anywhere else.
 */
export interface LinearSpace {
  readonly arch: "mips64" | "mips" | "ppc32";
  readonly maps: readonly FixedMap[];
}

export function linearAddressSpace({ maps }: LinearSpace): AddressSpace {
  return fixedAddressSpace(maps);
}

/** 512 MiB of memory at KSEG0 (cached) and again at KSEG1; sign-extended on 64-bit machines. */
function kernelSegments(base: bigint): FixedMap[] {
  const size = 0x2000_0000n;
  return [
    { start: base, end: base + size, paddr: 0n },
    { start: base + size, end: base + 2n * size, paddr: 0n },
  ];
}

/** XKPHYS: eight windows of 2^59 bytes, one per cache attribute, that map all physical memory. */
const XKPHYS: readonly FixedMap[] = Array.from({ length: 8 }, (_, i) => {
  const start = (1n << 63n) + BigInt(i) * (1n << 59n);
  return { start, end: start + (1n << 59n), paddr: 0n };
});
const MIPS64_MAPS = [...XKPHYS, ...kernelSegments(0xffff_ffff_8000_0000n)];
const MIPS_MAPS = kernelSegments(0x8000_0000n);

/** MIPS64 architecture volume III, "Virtual Memory"; arch/mips/include/asm/sparsemem.h. */
export function findMips64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const guess = { image: { arch: "mips64", maps: MIPS64_MAPS } as const, name: "XKPHYS and CKSEG0" };
  const { image, utsname } = firstThatReads(dump, info, [guess], linearAddressSpace);
  const sections = sectionShape(info, dump.pageSize === 65536 ? 29 : 28, [48, 40, 35]);
  return { image, utsname, physBase: 0n, lowestAddress: 1n << 63n, sections, flatStartPfn: 0 };
}

export function findMipsSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const guess = { image: { arch: "mips", maps: MIPS_MAPS } as const, name: "KSEG0" };
  const { image, utsname } = firstThatReads(dump, info, [guess], linearAddressSpace);
  const sections = sectionShape(info, 28, [32]);
  return { image, utsname, physBase: 0n, lowestAddress: 1n << 31n, sections, flatStartPfn: 0 };
}

/** Values of CONFIG_PAGE_OFFSET in arch/powerpc/Kconfig: not exported. */
const PPC32_PAGE_OFFSETS = [0xc000_0000n, 0xb000_0000n, 0x9000_0000n, 0x8000_0000n, 0x5000_0000n];

/** Low memory begins with the machine's (MEMORY_START, arch/powerpc/include/asm/page.h), at 0 on nearly all. */
export function findPpc32Space(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const { image, utsname } = firstThatReads(dump, info, ppc32Guesses(dump, info), linearAddressSpace);
  const [low] = image.maps as readonly [FixedMap];
  return {
    image,
    utsname,
    physBase: low.paddr,
    lowestAddress: low.start,
    sections: sectionShape(info, 24, [44, 36, 32]),
    flatStartPfn: Number(low.paddr) / dump.pageSize,
  };
}

function* ppc32Guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<LinearSpace>> {
  const end = info.number("VMALLOC_START") ?? 1n << 32n;
  const starts = new Set([0, Number(dump.header.physBase ?? 0n), ...dump.ranges.map(({ start }) => start)]);
  for (const start of PPC32_PAGE_OFFSETS) {
    for (const paddr of starts) {
      const maps = [{ start, end, paddr: BigInt(paddr) }];
      yield { image: { arch: "ppc32", maps }, name: `memory from ${hex(paddr)} on at ${hex(start)}` };
    }
  }
}
