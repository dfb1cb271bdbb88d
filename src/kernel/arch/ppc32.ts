import type { Dump } from "../../reader/dump.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import { kernelVersion } from "../version.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { directMapAmong } from "./direct-map.js";
import { type FixedMap, type LinearSpace, linearAddressSpace } from "./fixed-maps.js";
import { POWER_VECTORS } from "./ppc64/row.js";
import { sectionShape } from "./section-shape.js";
import { firstThatReads, type Guess, hex } from "./try-spaces.js";

/** 32-bit PowerPC. */
export const PPC32: ArchSupport<LinearSpace> = {
  find: findPpc32Space,
  attach: linearAddressSpace,
  directMap: (kernel) =>
    directMapAmong(
      kernel,
      kernel.image.maps.map(({ start, paddr }) => start - paddr),
    ),
  stack: (version) => ({ bytes: 8192, hasThreadInfo: version < kernelVersion(5, 1) }),
  vectorRegisters: POWER_VECTORS,
};

/** Values of CONFIG_PAGE_OFFSET in arch/powerpc/Kconfig, which is not exported. */
const PAGE_OFFSETS = [0xc000_0000n, 0xb000_0000n, 0x9000_0000n, 0x8000_0000n, 0x5000_0000n];

/**
 * Low memory begins where the machine's memory does (MEMORY_START, arch/powerpc/include/asm/page.h): at 0 on nearly all
 * machines.
 */
function findPpc32Space(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const { image, utsname } = firstThatReads(dump, info, guesses(dump, info), linearAddressSpace);
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

function* guesses(dump: Dump, info: Vmcoreinfo): Generator<Guess<LinearSpace>> {
  const end = info.number("VMALLOC_START") ?? 1n << 32n;
  const starts = new Set([0, Number(dump.header.physBase ?? 0n), ...dump.ranges.map(({ start }) => start)]);
  for (const start of PAGE_OFFSETS) {
    for (const paddr of starts) {
      const maps = [{ start, end, paddr: BigInt(paddr) }];
      yield { image: { arch: "ppc32", maps }, name: `memory from ${hex(paddr)} on at ${hex(start)}` };
    }
  }
}
