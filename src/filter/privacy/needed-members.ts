import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";

/** Members that a finder reads, of each type: all must be there, or it cannot say that it found everything. */
export type NeededMembers = Readonly<Record<string, readonly string[]>>;

/** Whether types lack one of them. */
export function lacksMembers(types: KernelTypes, needed: NeededMembers): boolean {
  return Object.entries(needed).some(([type, names]) => names.some((name) => types.member(type, name) === undefined));
}
