import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { KernelLog } from "../kernel/log/log-record.js";
import { logOfKernel } from "../kernel/log/read-log.js";
import { aDump, aFlag, checkArgument, checkGiven, maybe } from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import { openSession } from "../run/session.js";
import { aWarnings } from "../warnings.js";
import type { KernelOptions } from "./kernel-of.js";

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
