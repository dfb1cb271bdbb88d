import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import { type DumpedKernel, dumpedKernel } from "../kernel/dumped-kernel.js";
import { kernelSpace } from "../kernel/kernel-space.js";
import type { KernelLog } from "../kernel/log/log-record.js";
import { logOfKernel } from "../kernel/log/read-log.js";
import { aDump, aFlag, checkArgument, checkGiven, maybe } from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import { openSession } from "../run/session.js";
import { aWarnings, type Warnings } from "../warnings.js";

/** How a dump's kernel is found. */
export interface KernelOptions extends CompleteOptions {
  /** Where the run's warnings go: give the `Warnings` that `openDump` was given, and one list has all. */
  readonly warnings?: Warnings;
}

/**
 * The kernel in a dump, readable by virtual addresses and by names. Needs VMCOREINFO and the kernel's page tables, but
 * no struct pages, so it may work on dumps that cannot be filtered. Throws `CANNOT_FILTER` with what is missing, and
 * what finding VMCOREINFO throws; when symbols or types are used, also what opening `vmlinux` throws.
 */
export function kernelOf(input: Dump, options: KernelOptions = {}): DumpedKernel {
  checkGiven(options, { ...COMPLETE_SHAPE, warnings: aWarnings });
  checkArgument("input", input, aDump);
  const { dump } = openSession(input, options);
  const { found, space, memory } = kernelSpace(dump, "its kernel's memory");
  return dumpedKernel({ utsname: found.utsname, memory, space, physical: dump.memory, vmlinux: options.vmlinux });
}

/**
 * The kernel's log in a dump, oldest record first, for any kernel since 2.6.32. Needs VMCOREINFO, which is looked for
 * in memory if no note has it (that reads all memory), and the kernel's page tables, but no struct pages: works on
 * dumps that cannot be filtered. `sinceClear`: only records after the last `dmesg --clear`. Throws `CANNOT_FILTER` with
 * what is missing, and what finding VMCOREINFO throws.
 */
export function readKernelLog(input: Dump, sinceClear = false, options: KernelOptions = {}): KernelLog {
  checkGiven(options, { ...COMPLETE_SHAPE, warnings: aWarnings });
  checkArgument("dump", input, aDump);
  checkArgument("sinceClear", sinceClear, maybe(aFlag));
  return logOfKernel(openSession(input, options).dump, sinceClear);
}
