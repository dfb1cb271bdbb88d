import type { Arch } from "../machine.js";
import { type Note, NT_PRSTATUS } from "../notes.js";
import type { Vmcoreinfo } from "../vmcoreinfo.js";

/**
 * The architecture by names that only its kernels export, else by the size of a CPU's registers. Needed because QEMU's
 * kdump files of arm, arm64, ppc64le and riscv64 call the machine "Unknown".
 */
export function guessMachine(
  vmcoreinfo: Vmcoreinfo | undefined,
  notes: readonly Note[],
  littleEndian: boolean,
): Arch | undefined {
  return guessByNames(vmcoreinfo) ?? guessByRegisters(notes, littleEndian);
}

/** The architecture by names that only its kernels export. */
export function guessByNames(vmcoreinfo: Vmcoreinfo | undefined): Arch | undefined {
  if (vmcoreinfo === undefined) return undefined;
  const has = (name: string) => vmcoreinfo.items.has(name);
  if (has("NUMBER(kimage_voffset)")) return "arm64";
  if (has("SYMBOL(vmemmap_list)") || has("SYMBOL(cur_cpu_spec)") || has("SYMBOL(mmu_vmemmap_psize)")) return "ppc64";
  if (has("NUMBER(phys_base)") || has("SYMBOL(init_top_pgt)") || has("SYMBOL(init_level4_pgt)")) return "x86_64";
  if (has("NUMBER(va_kernel_pa_offset)") || has("NUMBER(phys_ram_base)")) return "riscv64";
  if (has("SYMBOL(lowcore_ptr)")) return "s390x";
  return undefined;
}

/** Bytes of `struct elf_prstatus`: a header of 112 bytes (72 on 32-bit machines), the registers, a flag. */
const PRSTATUS_SIZES: readonly (readonly [number, Arch])[] = [
  [144, "i386"],
  [148, "arm"],
  [268, "ppc32"],
  [376, "riscv64"],
  [392, "arm64"],
  [480, "loongarch64"],
  [504, "ppc64"],
];

function guessByRegisters(notes: readonly Note[], littleEndian: boolean): Arch | undefined {
  const size = notes.find((note) => note.name === "CORE" && note.type === NT_PRSTATUS)?.desc.length;
  if (size === 336) return littleEndian ? "x86_64" : "s390x";
  return PRSTATUS_SIZES.find(([bytes]) => bytes === size)?.[1];
}
