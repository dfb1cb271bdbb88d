import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE32 } from "../registers.js";
import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";
import { QEMU_CPU_32, X86_VECTORS } from "../x86_64/row.js";
import { findI386Space, I386_PAGE_OFFSETS, type I386Space, i386AddressSpace, rescueI386 } from "./space.js";

/** 32-bit x86. */
export const I386: ArchSupport<I386Space> = {
  find: findI386Space,
  rescue: rescueI386,
  attach: i386AddressSpace,
  stack: (version) => ({ bytes: 8192, hasThreadInfo: version < kernelVersion(4, 9) }),
  // Segment selectors are kept.
  userFrame: () => ({
    sizes: [68],
    pads: [8, 16, 0],
    align: 4,
    clear: [
      [0, 28],
      [44, 52],
      [56, 64],
    ],
    user: [52, 64].map((at) => ({ at, width: 4, mask: 3n, value: 3n })),
  }),
  noteRegisters: [
    {
      owner: "CORE",
      at: NOTE32 + 13 * 4,
      user: { mask: 3n, value: 3n },
      clear: [
        [NOTE32, NOTE32 + 7 * 4],
        [NOTE32 + 11 * 4, NOTE32 + 13 * 4],
        [NOTE32 + 14 * 4, NOTE32 + 16 * 4],
      ],
    },
  ],
  noteStackPointer: NOTE32 + 15 * 4,
  qemuCpu: QEMU_CPU_32,
  firmwareMemory: 1 << 20,
  vectorRegisters: X86_VECTORS,
  relocations: i386Relocations,
  exports: { maxPhysmemBits: ({ vmlinux }) => (vmlinux.types.sizeOf("pte_t") === 8 ? 36 : 32) },
};

/** The image is in the direct map. */
function i386Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const pae = image.vmlinux.types.sizeOf("pte_t") === 8;
  const items = pae ? ["CONFIG_X86_PAE=y"] : [];
  return I386_PAGE_OFFSETS.filter((offset) => offset <= address).map((offset) => {
    const shift = wrap(paddr + offset - address);
    return { shift, items: [...items, ...(shift === 0n ? [] : [`KERNELOFFSET=${hexOf(shift)}`])] };
  });
}
