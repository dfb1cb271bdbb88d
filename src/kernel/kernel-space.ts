import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import { noVmcoreinfo } from "../reader/find-in-memory.js";
import type { AddressSpace } from "./address-space.js";
import type { FoundSpace } from "./arch/arch-support.js";
import { attachSpace, findSpace, type SpaceImage } from "./arch/archs.js";
import { whyNotClassified } from "./cannot-filter.js";
import { type KernelMemory, kernelMemory } from "./kernel-memory.js";

/** The kernel's own memory, and the address space by which it is read. */
export interface KernelSpace {
  readonly found: FoundSpace<SpaceImage>;
  readonly space: AddressSpace;
  readonly memory: KernelMemory;
}

/**
 * The memory of a dump's kernel. Needs VMCOREINFO and the kernel's page tables but no struct pages, so it also works
 * for dumps that cannot be filtered. Throws `CANNOT_FILTER`, which says that `what` cannot be read, and why.
 */
export function kernelSpace(dump: Dump, what: string): KernelSpace {
  const info = dump.vmcoreinfo;
  if (info === undefined) throw unreadable(dump, what, `it has ${noVmcoreinfo(dump)}`);
  const found = findSpaceFor(dump, info, what);
  const space = attachSpace(found.image, dump.memory);
  const memory = kernelMemory(info, dump.machine, dump.pageSize, space, dump.memory, found.lowestAddress);
  return { found, space, memory };
}

function findSpaceFor(dump: Dump, info: NonNullable<Dump["vmcoreinfo"]>, what: string): FoundSpace<SpaceImage> {
  try {
    return findSpace(dump, info);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER") throw error;
    // The message of `findSpace` is about filtering.
    throw unreadable(dump, what, whyNotClassified(error), error);
  }
}

/** The error that `what` of a dump cannot be read, for the reason `why`. `cause` is the error that led to it. */
export function unreadable(dump: Dump, what: string, why: string, cause?: unknown): DumpError {
  return new DumpError("CANNOT_FILTER", `${what} cannot be read`, {
    why,
    file: dump.paths[0] ?? "",
    cure: "`coresieve info` shows what the dump says about its kernel",
    cause,
  });
}
