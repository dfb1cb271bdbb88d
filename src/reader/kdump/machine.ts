import type { Arch } from "../machine.js";
import type { Vmcoreinfo } from "../vmcoreinfo.js";

/**
 * The architecture by names that only its kernels export. Needed because QEMU's kdump files of arm64 and ppc64le call
 * the machine "Unknown".
 */
export function guessMachine(vmcoreinfo: Vmcoreinfo | undefined): Arch | undefined {
  if (vmcoreinfo === undefined) return undefined;
  const has = (name: string) => vmcoreinfo.items.has(name);
  if (has("NUMBER(kimage_voffset)")) return "arm64";
  if (has("SYMBOL(vmemmap_list)") || has("SYMBOL(cur_cpu_spec)") || has("SYMBOL(mmu_vmemmap_psize)")) return "ppc64";
  if (has("NUMBER(phys_base)") || has("SYMBOL(init_top_pgt)") || has("SYMBOL(init_level4_pgt)")) return "x86_64";
  if (has("NUMBER(va_kernel_pa_offset)") || has("NUMBER(phys_ram_base)")) return "riscv64";
  if (has("SYMBOL(lowcore_ptr)")) return "s390x";
  return undefined;
}
