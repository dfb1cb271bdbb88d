import { archSupport } from "../arch/archs.js";
import { moved, type Relocation } from "../arch/relocation.js";
import type { KernelImage } from "./vmlinux-image.js";

/**
 * The ways in which a kernel at a known physical place may be mapped: variables in its image say it, otherwise it is
 * where it was linked. Most architectures have one answer. `bannerAddress` is a link address, `paddr` its physical
 * address.
 */
export function relocations(image: KernelImage, bannerAddress: bigint, paddr: number): readonly Relocation[] {
  const support = archSupport(image.vmlinux.machine.arch);
  return support?.relocations?.({ image, address: bannerAddress, paddr: BigInt(paddr) }) ?? moved(0n);
}
