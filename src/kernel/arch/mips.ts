import type { Dump } from "../../reader/dump.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { directMapAmong } from "./direct-map.js";
import { type FixedMap, type LinearSpace, linearAddressSpace } from "./fixed-maps.js";
import { NOTE64, type VectorRegisters } from "./registers.js";
import { sectionShape } from "./section-shape.js";
import { firstThatReads } from "./try-spaces.js";

// MSA.
const VECTORS: VectorRegisters = { notes: [0x802], saved: [{ member: "thread.fpu.fpr" }, { member: "thread.dsp" }] };

/** 64-bit MIPS. */
export const MIPS64: ArchSupport<LinearSpace> = {
  find: findMips64Space,
  attach: linearAddressSpace,
  directMap: (kernel) => directMapAmong(kernel, [0x9800_0000_0000_0000n]),
  stack: () => ({ bytes: 16384, hasThreadInfo: true }),
  noteStackPointer: NOTE64 + 29 * 8,
  vectorRegisters: VECTORS,
};

/** 32-bit MIPS. */
export const MIPS: ArchSupport<LinearSpace> = {
  find: findMipsSpace,
  attach: linearAddressSpace,
  directMap: (kernel) => directMapAmong(kernel, [0x8000_0000n]),
  stack: () => ({ bytes: 8192, hasThreadInfo: true }),
  vectorRegisters: VECTORS,
};

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
function findMips64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const guess = { image: { arch: "mips64", maps: MIPS64_MAPS } as const, name: "XKPHYS and CKSEG0" };
  const { image, utsname } = firstThatReads(dump, info, [guess], linearAddressSpace);
  const sections = sectionShape(info, dump.pageSize === 65536 ? 29 : 28, [48, 40, 35]);
  return { image, utsname, physBase: 0n, lowestAddress: 1n << 63n, sections, flatStartPfn: 0 };
}

function findMipsSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<LinearSpace> {
  const guess = { image: { arch: "mips", maps: MIPS_MAPS } as const, name: "KSEG0" };
  const { image, utsname } = firstThatReads(dump, info, [guess], linearAddressSpace);
  const sections = sectionShape(info, 28, [32]);
  return { image, utsname, physBase: 0n, lowestAddress: 1n << 31n, sections, flatStartPfn: 0 };
}
