import type { Machine } from "../../reader/machine.js";
import type { Vmlinux } from "./vmlinux.js";

/**
 * Bytes of a page. If the architecture has several page sizes, it is the size of the kernel's page of zeros;
 * `undefined` if that is not known.
 */
export function kernelPageSize(vmlinux: Vmlinux): number | undefined {
  const fixed = FIXED_PAGE_SIZES[vmlinux.machine.arch];
  if (fixed !== undefined) return fixed;
  const size = vmlinux.linked("empty_zero_page")?.size ?? 0;
  return [4096, 8192, 16384, 65536].includes(size) ? size : undefined;
}

const FIXED_PAGE_SIZES: Partial<Record<Machine["arch"], number>> = {
  x86_64: 4096,
  i386: 4096,
  arm: 4096,
  s390x: 4096,
  riscv64: 4096,
  sparc64: 8192,
};
