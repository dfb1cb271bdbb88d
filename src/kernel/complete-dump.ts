import { type LongWork, runAtOnce } from "../long-work.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { type CompleteDump, type CompleteOptions, completingOwn, NO_DOUBT } from "./complete-own.js";
import { dumpWithVmlinux } from "./debuginfo/vmlinux-dump.js";
import { withoutVmcoreinfo } from "./given-vmcoreinfo.js";
import type { Doubt } from "./vmcoreinfo-candidates.js";

/**
 * The dump with VMCOREINFO made from the vmlinux, if one is given; otherwise what `completingOwn` returns. Throws what
 * both throw.
 */
export function* completingWithKernel(
  dump: Dump,
  warnings: Warnings,
  options: CompleteOptions = {},
  doubt: Doubt = NO_DOUBT,
): LongWork<CompleteDump> {
  const { vmlinux } = options;
  if (vmlinux === undefined) return yield* completingOwn(dump, warnings, options, doubt);
  return { dump: yield* dumpWithVmlinux(withoutVmcoreinfo(dump), vmlinux, dump, warnings), view: undefined };
}

/** The same at once. */
export function completeWithKernel(...work: Parameters<typeof completingWithKernel>): CompleteDump {
  return runAtOnce(completingWithKernel(...work));
}
