import type { AddressSpace } from "../../kernel/address-space.js";
import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { cpusIn, perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import type { Dump } from "../../reader/dump.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { stoppedCpus } from "./cpu-stacks.js";
import { interruptStacks } from "./interrupt-stacks.js";
import type { MappedStack } from "./kernel-pages.js";
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

/** The most bytes above a program's registers, which are at the top of the stack (FRED; 32-bit x86). */
const MOST_PAD = 16;
/** If the types do not have struct pt_regs. */
const USUAL_REGISTERS = 512;

/** Which tasks run, and where. */
export interface RunningTasks {
  /** Of CPUs that a hypervisor stopped in the kernel. */
  readonly pointers: readonly bigint[];
  /** Tasks on CPUs that it stopped in their programs. */
  readonly inPrograms: ReadonlySet<bigint>;
  /** Idle tasks of CPUs that are off: they count as running, and nothing follows from that. */
  readonly off: ReadonlySet<bigint>;
}

/** Stacks, and whose they are. */
export interface KnownStacks {
  readonly tasks: Iterable<bigint>;
  readonly mapped: readonly MappedStack[];
  /** Those of tasks that slabs have, whether or not the tasks are in a list; `undefined`: slabs were not looked into. */
  readonly owned: ReadonlySet<bigint> | undefined;
}

/** Pieces of stacks; `interrupts` is whether those of interrupts were looked through, too. */
export interface EndedCalls extends ScrubList {
  readonly interrupts: boolean;
}

/**
 * What calls and interrupts that have ended left on their stacks; the result is that of `oldFrames`. The idle tasks of
 * CPUs are no others' children, and in no list.
 */
export function endedCalls(
  space: AddressSpace,
  kernel: KernelObjects,
  { tasks, mapped, owned }: KnownStacks,
  dump: Pick<Dump, "machine" | "pageSize" | "notes">,
  stack: TaskStack,
): EndedCalls | undefined {
  const mark = stackMark(dump.machine, dump.pageSize, stack);
  const cpus = stoppedCpus(dump, kernel);
  const queues = cpuQueues(kernel);
  const running = {
    pointers: cpus.flatMap(({ pointer }) => (pointer === undefined ? [] : [pointer])),
    inPrograms: new Set(cpus.flatMap(({ cpu, pointer }) => (pointer === undefined ? queues("curr", [cpu]) : []))),
    off: new Set(queues("idle", offCpus(kernel))),
  };
  const all = new Set([...tasks, ...queues("idle", possibleCpus(kernel) ?? [])]);
  const frames = oldFrames(space, kernel, all, { mark, bytes: stack.bytes }, running);
  const interrupts = interruptStacks(space, kernel, cpus);
  if (interrupts === undefined) kernel.incomplete?.();
  if (frames === undefined) return undefined;
  if (owned === undefined) kernel.incomplete?.();
  else {
    const inUse = new Set([...owned, ...stacksOf(kernel, all)]);
    const holdsPointer = ({ address, bytes }: MappedStack) =>
      running.pointers.some((one) => one > address && one <= address + BigInt(bytes));
    for (const one of mapped) {
      if (inUse.has(one.address) || holdsPointer(one)) continue;
      if (addVirtual(space, one.address, one.bytes, frames.list) > 0) frames.objects++;
    }
  }
  if (interrupts !== undefined) frames.list.addAll(interrupts.list.merged(0));
  return {
    list: frames.list,
    objects: frames.objects + (interrupts?.objects ?? 0),
    // Where nothing said where they are, `incomplete` did.
    interrupts: interrupts?.searched ?? true,
  };
}

/** The stacks of tasks. One that has ended gives its back, and the CPUs keep some for the next ones (`cached_stacks`). */
function stacksOf(kernel: KernelObjects, tasks: Iterable<bigint>): bigint[] {
  return [...tasks].flatMap((task) => readMember(kernel, "task_struct", task, "stack") ?? []);
}

/** Returns a function for a task of CPUs: the one that runs, or the one that runs when no other does (all but the first are in no list). */
function cpuQueues(base: KernelObjects): (name: "curr" | "idle", cpus: readonly number[]) => bigint[] {
  const kernel = guessing(base);
  const queues = kernel.symbols.address("runqueues");
  return (name, cpus) =>
    queues === undefined || kernel.types.member("rq", name) === undefined
      ? []
      : cpus.flatMap((cpu) => {
          const own = perCpuAddress(kernel, queues, cpu);
          const task = own === undefined ? undefined : readMember(kernel, "rq", own, name);
          return task && kernel.memory.isKernelAddress(task) ? [task] : [];
        });
}

/** CPUs that the machine may have, and does not use. */
function offCpus(kernel: KernelObjects): number[] {
  const used = new Set(cpusIn(guessing(kernel), "online"));
  return used.size === 0 ? [] : (possibleCpus(kernel) ?? []).filter((cpu) => !used.has(cpu));
}

/**
 * What lies below the stack pointers of tasks that do not run: frames of calls that have ended, with addresses, names,
 * messages and other arguments that these had copied to their stacks. No backtrace reads them. `bytes` is the size of a
 * stack. `undefined` if the types do not have the stack pointer, or not which tasks run (kernels for one processor).
 * Of tasks that run: below the pointer of a CPU that lies in the stack, or all of it if the CPU is in the task's program. If
 * nothing says where the CPU is, the stack stays.
 */
export function oldFrames(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  { mark, bytes }: { readonly mark: StackMark; readonly bytes: number },
  { pointers, inPrograms, off }: RunningTasks = { pointers: [], inPrograms: new Set(), off: new Set() },
): ScrubList | undefined {
  const { memory, types } = kernel;
  const known = STACK_POINTERS.find(([path]) => types.member("task_struct", path) !== undefined);
  if (known === undefined) return undefined;
  const [saved, redZone] = known;
  if (["stack", "on_cpu"].some((name) => types.member("task_struct", name) === undefined)) return undefined;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const size = BigInt(bytes);
  const registers = BigInt((types.sizeOf("pt_regs") ?? USUAL_REGISTERS) + MOST_PAD);
  /** Up to where the stack of a task that runs has nothing in use. */
  const whereItRuns = (task: bigint, bottom: bigint) => {
    const own = pointers.filter((one) => one > bottom && one <= bottom + size);
    if (own.length > 0) return own.reduce((a, b) => (a < b ? a : b));
    if (inPrograms.has(task)) return bottom + size - registers;
    if (!off.has(task)) kernel.incomplete?.();
    return undefined;
  };
  // The mark at the end of the stack stays.
  const least = BigInt(mark.within);
  for (const task of tasks) {
    const bottom = readMember(kernel, "task_struct", task, "stack");
    const runs = readMember(kernel, "task_struct", task, "on_cpu");
    if (!bottom || runs === undefined || !memory.isKernelAddress(bottom)) continue;
    const top = runs === 0n ? readMember(kernel, "task_struct", task, saved) : whereItRuns(task, bottom);
    if (!top) continue;
    const start = bottom + least;
    const end = top - BigInt(redZone);
    if (end <= start || top > bottom + size) continue;
    const first = memory.readView(bottom, mark.within);
    if (first === undefined || !isStackBottom(first, mark)) continue;
    if (addVirtual(space, start, Number(end - start), found.list) > 0) found.objects++;
  }
  return found;
}
