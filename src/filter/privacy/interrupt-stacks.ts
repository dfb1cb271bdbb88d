import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readInteger, readMember } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { StoppedCpu } from "./cpu-stacks.js";
import type { ScrubList } from "./scrubbed.js";

/** Per-CPU variables that are the stacks, and their types, which have the stacks' sizes: since 5.2, and until 5.1. */
const STACKS = [
  { variable: "irq_stack_backing_store", type: "irq_stack" },
  { variable: "irq_stack_union", type: "irq_stack_union" },
] as const;
/** The older ones begin with 40 bytes and the stack protector's canary, where GCC expects it. */
const GUARD = 48;
const MOST = 1 << 18;

/** Pieces of stacks; `searched` is whether the kernel's are of the kind that is searched, or other machines' (which stay). */
export interface InterruptStacks extends ScrubList {
  readonly searched: boolean;
}

/**
 * What interrupts that have ended left on their stacks (x86-64): packets are received there, ciphers and hashes work
 * there. Of a stack in use only the part below its CPU's stack pointer is taken, which no backtrace reads. Empty for machines whose stacks are not searched; `undefined` if nothing says where they are.
 */
export function interruptStacks(
  space: AddressSpace,
  kernel: KernelObjects,
  stopped: readonly StoppedCpu[],
): InterruptStacks | undefined {
  const found = { list: new SpanList(), objects: 0, searched: true };
  const { memory, symbols, types } = kernel;
  const own = STACKS.find(({ variable }) => symbols.address(variable) !== undefined);
  if (own === undefined) {
    // 32-bit x86 has one of the types and no such variable: its stacks are pages of their own.
    const isNamed = STACKS.every(({ type }) => types.sizeOf(type) === undefined);
    return isNamed || symbols.address("init_task") !== undefined ? { ...found, searched: false } : undefined;
  }
  const bytes = types.sizeOf(own.type);
  const cpus = possibleCpus(kernel);
  if (cpus === undefined || bytes === undefined || bytes > MOST || Math.log2(bytes) % 1 !== 0) return undefined;
  const page = BigInt(memory.pageSize);
  const kept = own.type === "irq_stack" ? 0n : BigInt(GUARD);
  for (const cpu of cpus) {
    const stack = stackOf(kernel, cpu);
    const place = perCpuAddress(kernel, symbols.address(own.variable) as bigint, cpu);
    if (stack === undefined) return undefined;
    // CPUs that never came have none.
    if (place === undefined || stack.pointer === 0n || !memory.isKernelAddress(stack.pointer)) continue;
    // It is the end, or a word before it (5.13 and later), or 64 bytes (until 5.1); mostly of another mapping (CONFIG_VMAP_STACK).
    const end = ((stack.pointer + page - 1n) / page) * page;
    const start = end - BigInt(bytes);
    const paddr = space.translate(place)?.paddr;
    if (paddr === undefined || space.translate(start)?.paddr !== paddr) {
      kernel.incomplete?.();
      continue;
    }
    const [pointer] = stopped.flatMap((one) => (one.cpu === cpu && one.pointer !== undefined ? [one.pointer] : []));
    const isThere = pointer !== undefined && pointer > start && pointer <= end;
    // Where it is in use and its CPU's pointer does not lie in it, nothing says how far.
    if (stack.inUse && !isThere) kernel.incomplete?.();
    const until = !stack.inUse ? end - BigInt(memory.wordSize) : isThere ? pointer : start;
    if (addVirtual(space, start + kept, Number(until - start - kept), found.list) > 0) found.objects++;
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
  const [flag, count] = ["hardirq_stack_inuse", "irq_count"].map(own);
  const at = own("hardirq_stack_ptr") ?? own("irq_stack_ptr");
  const pointer = at === undefined ? undefined : memory.readWord(at);
  // Until 5.12 a counter, which is -1 while none runs.
  const used = flag !== undefined ? readInteger(memory, flag, 1) : count && readInteger(memory, count, 4);
  if (pointer === undefined || used === undefined) return undefined;
  return { pointer, inUse: used !== (flag !== undefined ? 0n : 0xffff_ffffn) };
}
