import type { AddressSpace } from "../../kernel/address-space.js";
import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { savedStackPointers } from "./cpu-stacks.js";
import { interruptStacks } from "./interrupt-stacks.js";
import type { ScrubList } from "./scrubbed.js";
import { isStackBottom, type StackMark, stackMark } from "./thread-stack.js";

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

/** What calls and interrupts that have ended left on their stacks; the result is that of `oldFrames`. */
export function endedCalls(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  dump: Pick<Dump, "machine" | "pageSize" | "notes">,
  stack: TaskStack,
): ScrubList | undefined {
  const mark = stackMark(dump.machine, dump.pageSize, stack);
  const frames = oldFrames(space, kernel, tasks, { mark, bytes: stack.bytes });
  const interrupts = interruptStacks(space, kernel, savedStackPointers(dump));
  if (interrupts === undefined) kernel.incomplete?.();
  if (frames === undefined || interrupts === undefined) return frames;
  frames.list.addAll(interrupts.list.merged(0));
  return { list: frames.list, objects: frames.objects + interrupts.objects };
}

/**
 * What lies below the stack pointers of tasks that do not run: frames of calls that have ended, with addresses, names,
 * messages and other arguments that these had copied to their stacks. No backtrace reads them. `bytes` is the size of a
 * stack. `undefined` if the types do not have the stack pointer, or not which tasks run (kernels for one processor).
 */
export function oldFrames(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  { mark, bytes }: { readonly mark: StackMark; readonly bytes: number },
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
    if (readMember(kernel, "task_struct", task, "on_cpu") !== 0n) continue;
    const bottom = readMember(kernel, "task_struct", task, "stack");
    const top = readMember(kernel, "task_struct", task, pointer);
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
