import type { Dump } from "../reader/dump.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import type { MappedImage } from "./arch/arch-support.js";
import { attachSpace, supportOf } from "./arch/archs.js";
import { directEnd } from "./arch/direct-map.js";
import type { KernelView } from "./kernel-view.js";

/** Where the kernel maps memory: what debuggers without knowledge of page tables read from program headers. */
export interface VirtualLayout {
  /** Virtual address of physical address 0 in the direct map. */
  readonly directMap: bigint;
  /** Where the direct map of a range of memory ends: on 32-bit machines not all memory is mapped. */
  directEnd(range: PhysicalRange): number;
  /** The kernel's image: physical range and virtual start. */
  readonly kernel: MappedImage | undefined;
}

/** Finds the direct map where the machine's kernels have it. Returns `undefined` when memory is not mapped there. */
export function virtualLayout(dump: Dump, { space: image, physBase }: KernelView): VirtualLayout | undefined {
  const support = supportOf(image);
  const space = attachSpace(image, dump.memory);
  const mapped = { dump, image, space, physBase };
  const directMap = support.directMap?.(mapped);
  if (directMap === undefined) return undefined;
  return {
    directMap,
    directEnd: (range) => (support.mapsAllMemory ? range.end : directEnd(space, directMap, range, dump)),
    kernel: support.kernelImage?.(mapped),
  };
}
