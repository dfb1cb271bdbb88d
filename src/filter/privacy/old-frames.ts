import type { AddressSpace } from "../../kernel/address-space.js";
import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import type { Dump } from "../../reader/dump.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { savedStackPointers } from "./cpu-stacks.js";
import { interruptStacks } from "./interrupt-stacks.js";
import type { ScrubList } from "./scrubbed.js";
import { isStackBottom, type StackMark, stackMark } from "./thread-stack.js";
import { guessing } from "./watched-kernel.js";

/**
 * Where a task that does not run has its stack pointer (x86 and RISC-V, ARM64, LoongArch, POWER and s390x), and how many
 * bytes below it may be in use: POWER's functions use up to 512.
 */
const STACK_POINTERS = [
  ["thread.sp", 0],
  ["thread.cpu_context.sp", 0],
  ["thread.reg03", 0],
  ["thread.ksp", 512],
] as const;

/**
 * What calls and interrupts that have ended left on their stacks; the result is that of `oldFrames`. The idle tasks of
 * CPUs are no others' children, and in no list.
 */
export function endedCalls(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  dump: Pick<Dump, "machine" | "pageSize" | "notes">,
  stack: TaskStack,
): ScrubList | undefined {
  const mark = stackMark(dump.machine, dump.pageSize, stack);
  const pointers = stoppedAt(dump);
  const frames = oldFrames(space, kernel, [...tasks, ...idleTasks(kernel)], { mark, bytes: stack.bytes }, pointers);
  const interrupts = interruptStacks(space, kernel, pointers);
  if (interrupts === undefined) kernel.incomplete?.();
  if (frames === undefined || interrupts === undefined) return frames;
  frames.list.addAll(interrupts.list.merged(0));
  return { list: frames.list, objects: frames.objects + interrupts.objects };
}

/**
 * The stack pointers of CPUs that a hypervisor stopped. A kernel that crashes goes on from where its notes say: what it does
 * then lies below, and a backtrace begins there.
 */
function stoppedAt(dump: Pick<Dump, "machine" | "notes">): readonly bigint[] {
  return dump.notes.some(({ name }) => name === "QEMU") ? savedStackPointers(dump) : [];
}

/** The task of each CPU that runs when no other does; all but the first are in no list. */
function idleTasks(base: KernelObjects): bigint[] {
  const kernel = guessing(base);
  const queues = kernel.symbols.address("runqueues");
  if (queues === undefined || kernel.types.member("rq", "idle") === undefined) return [];
  const first = kernel.symbols.address("init_task");
  return (possibleCpus(kernel) ?? []).flatMap((cpu) => {
    const own = perCpuAddress(kernel, queues, cpu);
    const task = own === undefined ? undefined : readMember(kernel, "rq", own, "idle");
    return task && task !== first && kernel.memory.isKernelAddress(task) ? [task] : [];
  });
}

/**
 * What lies below the stack pointers of tasks that do not run: frames of calls that have ended, with addresses, names,
 * messages and other arguments that these had copied to their stacks. No backtrace reads them. `bytes` is the size of a
 * stack. `undefined` if the types do not have the stack pointer, or not which tasks run (kernels for one processor).
 * Of tasks that run: below the pointer of a CPU, if one of `pointers` is in the stack.
 */
export function oldFrames(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  { mark, bytes }: { readonly mark: StackMark; readonly bytes: number },
  pointers: readonly bigint[] = [],
): ScrubList | undefined {
  const { memory, types } = kernel;
  const known = STACK_POINTERS.find(([path]) => types.member("task_struct", path) !== undefined);
  if (known === undefined) return undefined;
  const [pointer, redZone] = known;
  if (["stack", "on_cpu"].some((name) => types.member("task_struct", name) === undefined)) return undefined;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  // The mark at the end of the stack stays.
  const least = BigInt(mark.within);
  for (const task of tasks) {
    const bottom = readMember(kernel, "task_struct", task, "stack");
    const runs = readMember(kernel, "task_struct", task, "on_cpu");
    if (runs === undefined || (runs !== 0n && pointers.length === 0)) continue;
    const top =
      runs === 0n
        ? readMember(kernel, "task_struct", task, pointer)
        : pointers.find((one) => one > (bottom ?? 0n) && one <= (bottom ?? 0n) + BigInt(bytes));
    if (!bottom || !top || !memory.isKernelAddress(bottom)) continue;
    const start = bottom + least;
    const end = top - BigInt(redZone);
    if (end <= start || top > bottom + BigInt(bytes)) continue;
    const first = memory.readView(bottom, mark.within);
    if (first === undefined || !isStackBottom(first, mark)) continue;
    if (addVirtual(space, start, Number(end - start), found.list) > 0) found.objects++;
  }
  return found;
}
