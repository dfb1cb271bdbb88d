import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { type RegisterFrame, userRegisters } from "./register-frame.js";
import type { ScrubList } from "./scrubbed.js";

/** Members of struct exception_stacks (5.2 and later); SEV-ES has the last two. */
const STACKS = ["DF_stack", "NMI_stack", "DB_stack", "MCE_stack", "VC_stack", "VC2_stack"];
const MOST = 1 << 16;

/**
 * Registers of programs at the tops of the stacks on which x86-64 begins some exceptions (IST): of one that a debugger
 * leads from step to step all registers, which the kernel then copies to its thread's stack. What the kernel has there itself stays.
 */
export function exceptionStacks(
  space: AddressSpace,
  kernel: KernelObjects,
  frame: RegisterFrame | undefined,
): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const variable = symbols.address("exception_stacks");
  const members = STACKS.flatMap((name) => types.member("exception_stacks", name) ?? []);
  if (variable === undefined || frame === undefined) return found;
  for (const cpu of possibleCpus(kernel) ?? []) {
    const stacks = perCpuAddress(kernel, variable, cpu);
    if (stacks === undefined) continue;
    for (const { offset, size } of members) {
      const start = stacks + BigInt(offset);
      const stack = size <= MOST ? memory.readView(start, size) : undefined;
      const pieces = stack === undefined ? [] : userRegisters(stack, frame);
      for (const [from, to] of pieces) addVirtual(space, start + BigInt(from), to - from, found.list);
      if (pieces.length > 0) found.objects++;
    }
  }
  return found;
}
