import { MAX_CPUS } from "../../reader/machine.js";
import { type KernelObjects, readInteger } from "./kernel-objects.js";

/**
 * Numbers of the CPUs that the machine may have (cpu_possible_mask), ascending: each has its own per-CPU variables. A
 * kernel without SMP has CPU 0. `undefined` if the symbols lack the mask or the dump lacks its memory.
 */
export function possibleCpus(objects: Pick<KernelObjects, "memory" | "symbols">): number[] | undefined {
  return cpusIn(objects, "possible");
}

/** The CPUs in one of the kernel's masks: cpu_possible_mask or cpu_online_mask. `undefined` as for `possibleCpus`. */
export function cpusIn(
  { memory, symbols }: Pick<KernelObjects, "memory" | "symbols">,
  name: "possible" | "online",
): number[] | undefined {
  if (symbols.address("__per_cpu_offset") === undefined) {
    // A kernel without SMP has no such array. If the symbols have no variables at all, nothing is known.
    return symbols.address("init_task") === undefined ? undefined : [0];
  }
  // Since 4.5 this is the mask itself; before, an array that a pointer leads to.
  const mask = symbols.address(`__cpu_${name}_mask`) ?? symbols.address(`cpu_${name}_bits`);
  if (mask === undefined) return undefined;
  const count = cpuLimit(memory, symbols);
  const cpus: number[] = [];
  const bits = memory.wordSize * 8;
  for (let first = 0; first < count; first += bits) {
    const word = memory.readWord(mask + BigInt(first / 8));
    if (word === undefined) return undefined;
    for (let bit = 0; bit < bits && first + bit < count; bit++) {
      if ((word >> BigInt(bit)) & 1n) cpus.push(first + bit);
    }
  }
  return cpus;
}

/**
 * nr_cpu_ids: the mask's bits from there on are 0 or belong to something else. The bits of one word where nr_cpu_ids is
 * not known.
 */
function cpuLimit(memory: KernelObjects["memory"], symbols: KernelObjects["symbols"]): number {
  const at = symbols.address("nr_cpu_ids");
  const value = at === undefined ? undefined : readInteger(memory, at, 4);
  return value === undefined ? memory.wordSize * 8 : Math.min(Number(value), MAX_CPUS);
}

/**
 * The address of CPU `cpu`'s own copy of a per-CPU variable. `variable` is the variable's symbol, or the value of a
 * pointer to per-CPU memory (`__percpu`). Without SMP it is the variable itself. `undefined` for CPUs that the machine
 * cannot have.
 */
export function perCpuAddress(
  { memory, symbols }: Pick<KernelObjects, "memory" | "symbols">,
  variable: bigint,
  cpu: number,
): bigint | undefined {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= MAX_CPUS) return undefined;
  const offsets = symbols.address("__per_cpu_offset");
  if (offsets === undefined) return possibleCpus({ memory, symbols })?.includes(cpu) ? variable : undefined;
  const offset = memory.readWord(offsets + BigInt(cpu * memory.wordSize));
  const address = offset === undefined ? undefined : BigInt.asUintN(memory.wordSize * 8, variable + offset);
  return address !== undefined && memory.isKernelAddress(address) ? address : undefined;
}
