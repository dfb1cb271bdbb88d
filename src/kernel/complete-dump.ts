import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { type CompleteDump, type CompleteOptions, completeOwn, NO_DOUBT } from "./complete-own.js";
import { dumpWithVmlinux } from "./debuginfo/vmlinux-dump.js";
import { withoutVmcoreinfo } from "./given-vmcoreinfo.js";
import type { Doubt } from "./vmcoreinfo-candidates.js";

/** The dump with VMCOREINFO made from a vmlinux where one is given, and what `completeOwn` does otherwise. Throws what both do. */
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

/** The same without a look at what speaks against a text, for who needs no pages classified. */
export function completeDump(dump: Dump, warnings: Warnings, options: CompleteOptions = {}): Dump {
  return completeWithKernel(dump, warnings, options).dump;
}
