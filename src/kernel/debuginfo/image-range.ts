import type { KernelMemory } from "../kernel-memory.js";

/**
 * The virtual addresses of the kernel's own code and data, as far as VMCOREINFO shows them: from _stext on. On all
 * architectures read-only data follow the code. `undefined` without _stext.
 */
export function imageRange(memory: KernelMemory): { readonly start: bigint; readonly length: number } | undefined {
  const stext = memory.info.symbol("_stext");
  if (stext === undefined) return undefined;
  const page = BigInt(memory.pageSize);
  return { start: stext - (stext % page), length: MAX_IMAGE };
}

/** Debian's kernels have 30 to 50 MB up to the end of their data; those with debugging options twice that. */
const MAX_IMAGE = 128 << 20;
