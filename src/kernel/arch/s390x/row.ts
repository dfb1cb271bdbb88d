import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE64 } from "../registers.js";
import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";
import { findS390xSpace, rescueS390x, type S390xSpace, s390xAddressSpace } from "./space.js";

/** 64-bit s390. */
export const S390X: ArchSupport<S390xSpace> = {
  find: findS390xSpace,
  rescue: rescueS390x,
  attach: s390xAddressSpace,
  stack: (version) => ({ bytes: 16384, hasThreadInfo: version < kernelVersion(4, 11) }),
  // The PSW shows problem state, with DAT and interrupts on.
  userFrame: () => ({
    sizes: [192, 184, 176, 200, 208],
    pads: [0],
    align: 8,
    clear: [
      [0, 8],
      [16, 160],
    ],
    user: [{ at: 8, width: 8, mask: 0x0701_0000_0000_0000n, value: 0x0701_0000_0000_0000n }],
  }),
  // The PSW shows the problem state. Access registers have the thread pointer.
  noteRegisters: [
    {
      owner: "CORE",
      at: NOTE64,
      user: { mask: 1n << 48n, value: 1n << 48n },
      clear: [[NOTE64 + 8, NOTE64 + 16 + 16 * 8 + 16 * 4 + 8]],
    },
  ],
  // The registers follow the PSW, which has 16 bytes.
  noteStackPointer: NOTE64 + 16 + 15 * 8,
  vectorRegisters: {
    // VXRS_LOW, VXRS_HIGH.
    notes: [0x309, 0x30a],
    // Until 6.8, and later; until 4.1.
    saved: [
      ...[{ member: "thread.fpu.vxrs" }, { member: "thread.ufpu.vxrs" }, { member: "thread.acrs" }],
      ...[{ member: "thread.fp_regs" }, { member: "thread.kfpu.vxrs" }],
    ],
    // Until 4.6, and until 4.1.
    apart: ["thread.fpu.vxrs", "thread.vxrs"],
  },
  relocations: s390xRelocations,
  // arch/s390/kernel/crash_dump.c, machine_kexec.c.
  exports: {
    symbols: ["lowcore_ptr", "high_memory"],
    pointerArrays: ["lowcore_ptr"],
    sectionSizeBits: (words) => (words === 1 ? 27 : undefined),
  },
};

/**
 * In most kernels virtual addresses are physical ones, wherever the kernel was moved. Since 6.10 the image has a
 * virtual place of its own, which vm_layout names (arch/s390/include/asm/page.h).
 */
function s390xRelocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const field = (name: string) => {
    const member = image.vmlinux.types.member("struct vm_layout", name);
    return member === undefined ? undefined : image.word("vm_layout", member.offset);
  };
  const virtual = field("kaslr_offset");
  const physical = field("kaslr_offset_phys");
  const identity: Relocation = { shift: wrap(paddr - address), items: [] };
  if (virtual === undefined || physical === undefined) return [identity];
  const shift = wrap(paddr - physical + virtual - address);
  const base = field("identity_base");
  const items = [
    ...(base === undefined ? [] : [`IDENTITYBASE=${hexOf(base)}`]),
    `KERNELOFFSET=${hexOf(virtual)}`,
    `KERNELOFFPHYS=${hexOf(physical)}`,
  ];
  return [{ shift, items }, identity];
}
