import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { SparsememShape } from "../sparsemem.js";

/**
 * Geometry of sections: the exported values (MAX_PHYSMEM_BITS since 5.8, SECTION_SIZE_BITS since 5.13), otherwise the
 * given ones, the likeliest first.
 */
export function sectionShape(
  info: Vmcoreinfo,
  sectionSizeBits: number,
  maxPhysmemBits: readonly number[],
): SparsememShape {
  const exported = info.number("MAX_PHYSMEM_BITS");
  return {
    sectionSizeBits: Number(info.number("SECTION_SIZE_BITS") ?? sectionSizeBits),
    maxPhysmemBits: exported === undefined ? maxPhysmemBits : [Number(exported)],
  };
}
