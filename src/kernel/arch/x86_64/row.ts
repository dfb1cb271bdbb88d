import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { KernelImage } from "../../debuginfo/vmlinux-image.js";
import { kernelVersion } from "../../version.js";
import type { ArchSupport, ModuleRange } from "../arch-support.js";
import { NOTE64, type NoteRegisters, type QemuCpu, type UserFrame, type VectorRegisters } from "../registers.js";
import { hexOf, type ImagePlace, type KernelExports, type Relocation, wrap } from "../relocation.js";
import { signExtended } from "../whole-address.js";
import { findX86_64Space, rescueX86_64 } from "./find.js";
import { START_KERNEL_MAP, type X86_64Space, x86_64AddressSpace } from "./space.js";

const GIB = 1n << 30n;
/**
 * Modules follow the image's own range, whose size depends on KASLR; after them comes the fixmap (mm.rst of the
 * documentation).
 */
function x86_64Modules(info: Vmcoreinfo): ModuleRange {
  const size = info.number("KERNEL_IMAGE_SIZE") ?? GIB / 2n;
  return { start: START_KERNEL_MAP + size, end: 0xffff_ffff_ff00_0000n, mayOverflow: false };
}

/**
 * Segment selectors are kept: their two lowest bits are the privilege level. With FRED (6.9) 16 bytes lie above the
 * frame.
 */
const X86_64_FRAME: UserFrame = {
  sizes: [168],
  pads: [0, 16],
  align: 1,
  clear: [
    [0, 136],
    [144, 160],
  ],
  user: [136, 160].map((at) => ({ at, width: 4, mask: 3n, value: 3n })),
};

const X86_64_NOTES: readonly NoteRegisters[] = [
  // The privilege level is in cs; cs and ss are kept.
  {
    owner: "CORE",
    at: NOTE64 + 17 * 8,
    user: { mask: 3n, value: 3n },
    clear: [
      [NOTE64, NOTE64 + 17 * 8],
      [NOTE64 + 18 * 8, NOTE64 + 20 * 8],
      [NOTE64 + 21 * 8, NOTE64 + 23 * 8],
    ],
  },
  // struct QEMUCPUState: version, size, 18 registers from rax to rflags, then the selector of cs.
  { owner: "QEMU", at: 8 + 18 * 8, width: 4, user: { mask: 3n, value: 3n }, clear: [[8, 8 + 18 * 8]] },
];

/**
 * Of struct QEMUCPUState: rsp is the 7th register; behind the registers come 10 segments of 24 bytes, of which the last 8 are the
 * base; then CR0 to CR4 and the base that the kernel's gs gets at its entry (QEMU 3.0 and later).
 */
const QEMU_CPU: QemuCpu = {
  mode: 8 + 18 * 8,
  stackPointer: 8 + 6 * 8,
  ownMemory: { kernel: 8 + 18 * 8 + 4 * 24 + 16, user: 8 + 18 * 8 + 10 * 24 + 5 * 8 },
};

/** The same of 32-bit kernels, whose own memory is behind fs; in user mode that has something else. */
export const QEMU_CPU_32: QemuCpu = { ...QEMU_CPU, ownMemory: { kernel: 8 + 18 * 8 + 3 * 24 + 16 } };

/** Also used by 32-bit kernels. */
export const X86_VECTORS: VectorRegisters = {
  // NT_PRXFPREG, NT_X86_XSTATE.
  notes: [0x46e62b7f, 0x202],
  saved: [
    // 5.16 to 6.15, 4.2 to 5.15.
    { member: "thread.fpu.__fpstate.regs", toTheEnd: true },
    { member: "thread.fpu.state", toTheEnd: true },
    // Since 6.16.
    { member: "__fpstate.regs", behindTask: "fpu", toTheEnd: true },
  ],
  // Until 4.1 that is a pointer; until 2.6.34.
  apart: ["thread.fpu.state", "thread.xstate"],
};

/** arch/x86/kernel/machine_kexec_64.c, vmcore_info_64.c. */
const X86_64_EXPORTS: KernelExports = {
  tableSymbols: ["init_top_pgt", "init_level4_pgt"],
  areas,
  sectionSizeBits: () => 27,
  maxPhysmemBits(_image, version, { items }) {
    if (items.includes("NUMBER(pgtable_l5_enabled)=1")) return 52;
    return version >= kernelVersion(2, 6, 31) ? 46 : undefined;
  },
};

/** 64-bit x86. */
export const X86_64: ArchSupport<X86_64Space> = {
  find: findX86_64Space,
  rescue: rescueX86_64,
  attach: x86_64AddressSpace,
  wholeAddress: signExtended,
  modules: (_image, info) => x86_64Modules(info),
  // 8 KiB until 3.14 (arch/x86/include/asm/page_64_types.h).
  stack: (version) => ({
    bytes: version < kernelVersion(3, 15) ? 8192 : 16384,
    hasThreadInfo: version < kernelVersion(4, 9),
  }),
  userFrame: () => X86_64_FRAME,
  noteRegisters: X86_64_NOTES,
  noteStackPointer: NOTE64 + 19 * 8,
  // Behind the registers 10 segments of 24 bytes, and CR0 to CR2.
  qemuTopTable: 8 + 18 * 8 + 10 * 24 + 3 * 8,
  qemuCpu: QEMU_CPU,
  firmwareMemory: 1 << 20,
  vectorRegisters: X86_VECTORS,
  relocations: x86_64Relocations,
  exports: X86_64_EXPORTS,
};

/**
 * phys_base is the image's physical address minus the one that its virtual address implies (virtual address -
 * __START_KERNEL_map). So phys_base and the physical address give the virtual one. Both are multiples of 2 MiB
 * (CONFIG_PHYSICAL_ALIGN is at least that).
 */
function x86_64Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const physBase = image.integer("phys_base", 8);
  if (physBase === undefined) return [];
  const shift = wrap(paddr - physBase - (address - START_KERNEL_MAP));
  const enabled = image.integer("__pgtable_l5_enabled", 4);
  // Newer kernels check the processor's features instead of a variable.
  const levels = enabled === undefined ? [0n, 1n] : [enabled & 1n];
  // In a kernel that was built without it, sme_me_mask is a macro of 0.
  const sme = image.integer("sme_me_mask", 8) ?? 0n;
  // arch/x86/include/asm/page_64_types.h: 1 GiB for kernels that can be moved.
  const size = image.vmlinux.linked("kaslr_get_random_long") === undefined ? 1 << 29 : 1 << 30;
  return levels.map((l5) => ({
    shift,
    items: [
      `NUMBER(phys_base)=${BigInt.asIntN(64, physBase)}`,
      `NUMBER(pgtable_l5_enabled)=${l5}`,
      `KERNELOFFSET=${hexOf(shift)}`,
      `NUMBER(KERNEL_IMAGE_SIZE)=${size}`,
      `NUMBER(sme_mask)=${BigInt.asIntN(64, sme)}`,
    ],
  }));
}

/** Where vmalloc's area and the vmemmap begin: variables of the kernel, exported since 6.9. */
function areas(image: KernelImage, version: number): string[] {
  if (version < kernelVersion(6, 9)) return [];
  const vmalloc = image.word("vmalloc_base");
  const vmemmap = image.word("vmemmap_base");
  return [
    ...(vmalloc === undefined ? [] : [`NUMBER(VMALLOC_START)=0x${vmalloc.toString(16)}`]),
    ...(vmemmap === undefined ? [] : [`SYMBOL(vmemmap)=${vmemmap.toString(16)}`]),
  ];
}
