import type { ArchSupport } from "../arch-support.js";
import { NOTE64 } from "../registers.js";
import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";
import { signExtended } from "../whole-address.js";
import { findRiscv64Space, type Riscv64Space, rescueRiscv64, riscv64AddressSpace } from "./space.js";

/** 64-bit RISC-V. */
export const RISCV64: ArchSupport<Riscv64Space> = {
  find: findRiscv64Space,
  rescue: rescueRiscv64,
  attach: riscv64AddressSpace,
  wholeAddress: signExtended,
  stack: () => ({ bytes: 16384, hasThreadInfo: false }),
  userFrame: () => ({
    sizes: [288],
    pads: [0],
    align: 16,
    clear: [
      [0, 256],
      [264, 272],
      [280, 288],
    ],
  }),
  // The note has no bits for the mode; the program counter shows it.
  noteRegisters: [{ owner: "CORE", at: NOTE64, user: "below-kernel", clear: [[NOTE64, Number.POSITIVE_INFINITY]] }],
  noteStackPointer: NOTE64 + 2 * 8,
  vectorRegisters: {
    notes: [0x901],
    saved: [{ member: "thread.fstate" }],
    apart: ["thread.vstate.datap", "thread.kernel_vstate.datap"],
  },
  relocations: riscv64Relocations,
  exports: { maxPhysmemBits: () => 56 },
};

/** struct kernel_mapping, kernel_map: since 5.14 (arch/riscv/include/asm/page.h). */
function riscv64Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const field = (name: string) => {
    const member = image.vmlinux.types.member("struct kernel_mapping", name);
    return member === undefined ? undefined : image.word("kernel_map", member.offset);
  };
  const offset = field("va_kernel_pa_offset") ?? wrap(address - paddr);
  const shift = wrap(paddr + offset - address);
  const pageOffset = field("page_offset");
  const ramBase = image.word("phys_ram_base");
  const enabled = (name: string) => image.integer(name, 1) === 1n;
  const known = image.vmlinux.linked("pgtable_l4_enabled") !== undefined;
  const bits = known ? [enabled("pgtable_l5_enabled") ? 57 : enabled("pgtable_l4_enabled") ? 48 : 39] : [39, 48, 57];
  return bits.map((vaBits) => ({
    shift,
    items: [
      ...(ramBase === undefined ? [] : [`NUMBER(phys_ram_base)=${ramBase}`]),
      ...(pageOffset === undefined ? [] : [`NUMBER(PAGE_OFFSET)=0x${hexOf(pageOffset)}`]),
      `NUMBER(VA_BITS)=${vaBits}`,
      `NUMBER(va_kernel_pa_offset)=0x${hexOf(offset)}`,
      ...(shift === 0n ? [] : [`KERNELOFFSET=${hexOf(shift)}`]),
    ],
  }));
}
