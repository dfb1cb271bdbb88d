import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { exceptionStacks } from "./exception-stacks.js";
import type { RegisterFrame } from "./register-frame.js";
import type { ScrubList } from "./scrubbed.js";

/**
 * The stacks on which x86-64 enters the kernel, one per CPU (entry_stack_storage, 4.16 and later). A program's
 * registers stay there until the next entry. Nothing runs on them when a backtrace is made. Of the stacks of exceptions, on
 * which the kernel may run, only programs' registers.
 */
export function entryStacks(space: AddressSpace, kernel: KernelObjects, frame: RegisterFrame | undefined): ScrubList {
  const found = exceptionStacks(space, kernel, frame);
  const variable = kernel.symbols.address("entry_stack_storage");
  const size = kernel.types.sizeOf("entry_stack_page");
  if (variable === undefined || size !== kernel.memory.pageSize) return found;
  for (const cpu of possibleCpus(kernel) ?? []) {
    const address = perCpuAddress(kernel, variable, cpu);
    const place = address === undefined ? undefined : space.translate(address);
    if (place === undefined || place.length < size) continue;
    found.list.add(place.paddr, size);
    found.objects++;
  }
  return found;
}
