import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import type { ModuleRange } from "../arch-support.js";
import { START_KERNEL_MAP } from "./space.js";

const GIB = 1n << 30n;
/**
 * Modules follow the image's own range, whose size depends on KASLR; after them comes the fixmap (mm.rst of the
 * documentation).
 */
export function x86_64Modules(info: Vmcoreinfo): ModuleRange {
  const size = info.number("KERNEL_IMAGE_SIZE") ?? GIB / 2n;
  return { start: START_KERNEL_MAP + size, end: 0xffff_ffff_ff00_0000n, mayOverflow: false };
}
