import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readInteger, readMember } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** A type of the stack, which other machines have under the same name with other variables. */
const TYPE = "irq_stack";
const MOST = 1 << 18;

/**
 * What interrupts that have ended left on their stacks (x86-64): packets are received there, ciphers and hashes work
 * there. Of a stack in use what lies below the stack pointer of a CPU (`pointers`), if that is in it. No backtrace reads
 * it. Empty for machines without such stacks; `undefined` if nothing says where they are.
 */
export function interruptStacks(
  space: AddressSpace,
  kernel: KernelObjects,
  pointers: readonly bigint[],
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const bytes = types.sizeOf(TYPE);
  // 32-bit x86 has no such variable: its stacks are pages of their own.
  if (symbols.address("irq_stack_backing_store") === undefined)
    return bytes === undefined || symbols.address("init_task") !== undefined ? found : undefined;
  const cpus = possibleCpus(kernel);
  if (cpus === undefined || bytes === undefined || bytes > MOST || Math.log2(bytes) % 1 !== 0) return undefined;
  const page = BigInt(memory.pageSize);
  for (const cpu of cpus) {
    const stack = stackOf(kernel, cpu);
    if (stack === undefined) return undefined;
    // CPUs that never came have none.
    if (stack.pointer === 0n || !memory.isKernelAddress(stack.pointer)) continue;
    // It is the end, or a word before it (5.13 and later).
    const end = ((stack.pointer + page - 1n) / page) * page;
    const start = end - BigInt(bytes);
    const lowest = pointers.filter((one) => one > start && one <= end).reduce((a, b) => (a < b ? a : b), end);
    // Where it is in use and no CPU's pointer lies in it, nothing says how far.
    const until = !stack.inUse ? end - BigInt(memory.wordSize) : lowest < end ? lowest : start;
    if (addVirtual(space, start, Number(until - start), found.list) > 0) found.objects++;
  }
  return found;
}

/** The pointer to a CPU's stack, and whether an interrupt runs on it. */
function stackOf(
  kernel: KernelObjects,
  cpu: number,
): { readonly pointer: bigint; readonly inUse: boolean } | undefined {
  const { memory, symbols } = kernel;
  const own = (name: string) => {
    const variable = symbols.address(name);
    return variable === undefined ? undefined : perCpuAddress(kernel, variable, cpu);
  };
  // Since 6.2 both are in struct pcpu_hot, since 6.15 variables again.
  const hot = own("pcpu_hot");
  if (hot !== undefined) {
    const pointer = readMember(kernel, "pcpu_hot", hot, "hardirq_stack_ptr");
    const inUse = readMember(kernel, "pcpu_hot", hot, "hardirq_stack_inuse");
    return pointer === undefined || inUse === undefined ? undefined : { pointer, inUse: inUse !== 0n };
  }
  const [at, flag, count] = ["hardirq_stack_ptr", "hardirq_stack_inuse", "irq_count"].map(own);
  const pointer = at === undefined ? undefined : memory.readWord(at);
  // Until 5.12 a counter, which is -1 while none runs.
  const used = flag !== undefined ? readInteger(memory, flag, 1) : count && readInteger(memory, count, 4);
  if (pointer === undefined || used === undefined) return undefined;
  return { pointer, inUse: used !== (flag !== undefined ? 0n : 0xffff_ffffn) };
}
