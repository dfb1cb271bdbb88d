import type { SpaceImage } from "../../kernel/arch/archs.js";
import { START_KERNEL_MAP } from "../../kernel/arch/x86_64.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";

/** Addresses [start, end) that are modules' alone; `undefined` where modules lie among other vmalloc areas. */
export function moduleRange(
  image: SpaceImage,
  info: Vmcoreinfo,
): { readonly start: bigint; readonly end: bigint } | undefined {
  if (image.arch === "x86_64") {
    // Behind the image's own range, whose size depends on KASLR; the fixmap follows (mm.rst of the documentation).
    const size = info.number("KERNEL_IMAGE_SIZE") ?? 1n << 29n;
    return { start: START_KERNEL_MAP + size, end: 0xffff_ffff_ff00_0000n };
  }
  // ARM's lie right below the direct map, by at most 16 MiB.
  if (image.arch === "arm") return { start: image.pageOffset - (1n << 24n), end: image.pageOffset };
  const start = info.number("MODULES_VADDR");
  const end = info.number("MODULES_END");
  if (start === undefined || end === undefined) return undefined;
  return { start: BigInt.asUintN(64, start), end: BigInt.asUintN(64, end) };
}
