import type { AddressSpace } from "../address-space.js";
import { type FixedMap, fixedAddressSpace } from "./fixed-maps.js";

/**
 * The memory of machines whose kernels have everything that a filter needs at fixed addresses: mips, mips64 and 32-bit
 * PowerPC. There no memory model puts struct pages anywhere else.
 */
export interface LinearSpace {
  readonly arch: "mips64" | "mips" | "ppc32";
  readonly maps: readonly FixedMap[];
}

export function linearAddressSpace({ maps }: LinearSpace): AddressSpace {
  return fixedAddressSpace(maps);
}
