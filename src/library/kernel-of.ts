import { DumpError } from "../errors.js";
import { attachSpace, findSpace } from "../filter/arch/archs.js";
import { type CompleteOptions, completeDump } from "../filter/complete-dump.js";
import { type DumpedKernel, dumpedKernel } from "../filter/dumped-kernel.js";
import { kernelMemory } from "../filter/kernel-memory.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";

/** How a dump's kernel is found. */
export interface KernelOptions extends CompleteOptions {
  /** Warnings of opening the dump go on here. */
  readonly warnings?: Warnings;
}

/**
 * The kernel in a dump, to be read by virtual addresses and by names. Needs VMCOREINFO and the kernel's page tables, but no
 * struct pages: dumps that cannot be filtered may do. Throws `CANNOT_FILTER` with what is missing, and what finding
 * VMCOREINFO throws; when symbols or types are asked for, what `vmlinux` leads to.
 */
export function kernelOf(input: Dump, options: KernelOptions = {}): DumpedKernel {
  const dump = completeDump(input, options.warnings ?? new Warnings(), options);
  const info = dump.vmcoreinfo;
  if (info === undefined) throw noKernel(dump, "it has no VMCOREINFO, neither in a note nor in its memory");
  const { image, lowestAddress, utsname } = spaceOf(dump, info);
  const space = attachSpace(image, dump.memory);
  const memory = kernelMemory(info, dump.machine, dump.pageSize, space, dump.memory, lowestAddress);
  return dumpedKernel({ utsname, memory, space, physical: dump.memory, vmlinux: options.vmlinux });
}

function spaceOf(dump: Dump, info: NonNullable<Dump["vmcoreinfo"]>): ReturnType<typeof findSpace> {
  try {
    return findSpace(dump, info);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER") throw error;
    // That one speaks of filtering.
    const [, reason = error.message] = /cannot be classified: (.*?)\. Levels 0/.exec(error.message) ?? [];
    throw noKernel(dump, reason, error);
  }
}

function noKernel(dump: Dump, why: string, cause?: unknown): DumpError {
  return new DumpError("CANNOT_FILTER", `its kernel's memory cannot be read: ${why}`, {
    file: dump.paths[0] ?? "",
    cure: "`coresieve info` says what the dump tells of its kernel",
    cause,
  });
}
