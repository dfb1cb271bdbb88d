import { type KernelObjects, readInteger } from "../../kernel/objects/kernel-objects.js";

/**
 * Whether the kernel zeroes memory when it allocates it: the static key init_on_alloc, which begins with its count (5.3
 * and later; earlier kernels never do). `undefined` if the symbols have no variables.
 */
export function zeroesOnAllocation({ memory, symbols }: KernelObjects): boolean | undefined {
  const key = symbols.address("init_on_alloc");
  if (key === undefined) return symbols.address("init_task") === undefined ? undefined : false;
  const count = readInteger(memory, key, 4);
  return count === undefined ? undefined : count > 0n;
}
