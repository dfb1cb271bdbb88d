import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { type CompleteDump, type CompleteOptions, completeOwn, NO_DOUBT } from "./complete-own.js";
import { dumpWithVmlinux } from "./debuginfo/vmlinux-dump.js";
import { withoutVmcoreinfo } from "./given-vmcoreinfo.js";
import type { Doubt } from "./vmcoreinfo-candidates.js";

/**
 * The dump with VMCOREINFO made from the vmlinux, if one is given; otherwise what `completeOwn` returns. Throws what
 * both throw.
 */
export function completeWithKernel(
  dump: Dump,
  warnings: Warnings,
  options: CompleteOptions = {},
  doubt: Doubt = NO_DOUBT,
): CompleteDump {
  const { vmlinux } = options;
  if (vmlinux === undefined) return completeOwn(dump, warnings, options, doubt);
  return { dump: dumpWithVmlinux(withoutVmcoreinfo(dump), vmlinux, dump), view: undefined };
}
