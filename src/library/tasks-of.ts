import { DumpError } from "../errors.js";
import { eraseDebuginfo } from "../filter/erase/erase-debuginfo.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { type KernelObjects, memberAddress, readMember, readText } from "../kernel/objects/kernel-objects.js";
import { allTasks } from "../kernel/objects/tasks.js";
import { kernelVersion, parseKernelVersion } from "../kernel/version.js";
import { aDump, checkArgument, checkGiven } from "../option-shape.js";
import { OPTION } from "../option-words.js";
import type { Dump } from "../reader/dump.js";
import { withView } from "../run/own-session.js";
import { openSession } from "../run/session.js";
import { aWarnings } from "../warnings.js";
import type { KernelOptions } from "./kernel-of.js";

/** A task (a thread) of the dumped kernel. Members that cannot be read are `undefined`. */
export interface KernelTask {
  /** Address of its struct task_struct. */
  readonly address: bigint;
  /** The thread's number, which user space calls the thread id. */
  readonly pid: number;
  /** The process's number, which is the number of its first thread. */
  readonly tgid: number;
  /** Its name, at most 15 bytes, one character each (Latin-1). Untrusted: it may contain control characters. */
  readonly comm: string;
  /**
   * The letter of `ps`: R running, S sleeping, D uninterruptible, I idle, T stopped, t traced, X dead, Z zombie; ?
   * another state.
   */
  readonly state: string;
  /** The parent process's number. */
  readonly parent: number | undefined;
  /** Whether it is a thread of the kernel's own, which has no user memory. */
  readonly isKernelThread: boolean;
}

/** `PF_KTHREAD` (include/linux/sched.h), the same since 2.6.27. */
const PF_KTHREAD = 0x0020_0000n;
const TASK_COMM_LEN = 16;
/** TASK_UNINTERRUPTIBLE with TASK_NOLOAD (4.2 and later), which `ps` calls idle. */
const IDLE = 0x402n;
/** Bits of `__state` and `exit_state` (fs/proc/array.c: task_state_array). */
const LETTERS: readonly (readonly [bit: bigint, letter: string])[] = [
  [1n, "S"],
  [2n, "D"],
  [4n, "T"],
  [8n, "t"],
  [0x10n, "X"],
  [0x20n, "Z"],
];
/** EXIT_ZOMBIE and EXIT_DEAD were exchanged then, so that a task's end is reported by the later bit. */
const ZOMBIE_IS_LAST = kernelVersion(3, 15);

/**
 * The tasks of a dump's kernel, including threads, without the idle tasks of all CPUs but the first (pid 0). Needs
 * types, from a `vmlinux` or from the BTF in memory. Costs 10 us per task, and up to 400 ms to find symbols and types.
 * Throws `CANNOT_FILTER` if the kernel is not found, or no task, because no machine has none; and what finding
 * VMCOREINFO or opening a vmlinux throws.
 */
export function* tasksOf(input: Dump, options: KernelOptions = {}): Generator<KernelTask, void, undefined> {
  checkGiven(options, { ...COMPLETE_SHAPE, warnings: aWarnings });
  checkArgument("input", input, aDump);
  const { dump, view } = withView(openSession(input, options));
  let some = false;
  for (const task of tasksIn(dump, view, options.vmlinux)) {
    some = true;
    yield task;
  }
  if (some) return;
  throw new DumpError("CANNOT_FILTER", "its tasks cannot be listed", {
    why: "they, or their types or symbols, are not in the dump",
    file: dump.paths[0] ?? "",
    ...(options.vmlinux === undefined && { cure: `Give the kernel's vmlinux (${OPTION.vmlinux})` }),
  });
}

/** The tasks of a kernel that was found already; none if types are missing. */
export function* tasksIn(
  dump: Dump,
  view: KernelView,
  vmlinux: KernelOptions["vmlinux"],
): Generator<KernelTask, void, undefined> {
  const { kernel, close } = eraseDebuginfo(dump, view, vmlinux);
  try {
    if (kernel === undefined) return;
    for (const address of allTasks(dump, view, kernel)) {
      const task = taskAt(kernel, address, view.utsname.release);
      if (task !== undefined) yield task;
    }
  } finally {
    close();
  }
}

function taskAt(kernel: KernelObjects, address: bigint, release: string): KernelTask | undefined {
  const member = (path: string, of = address) => readMember(kernel, "task_struct", of, path);
  const [pid, tgid] = [member("pid"), member("tgid")];
  const name = memberAddress(kernel, "task_struct", address, "comm");
  const comm = name === undefined ? undefined : readText(kernel.memory, name, TASK_COMM_LEN - 1);
  if (pid === undefined || tgid === undefined || comm === undefined) return undefined;
  const parent = member("real_parent");
  const parentId = parent ? member("tgid", parent) : undefined;
  return {
    address,
    pid: Number(pid),
    tgid: Number(tgid),
    comm,
    // `__state` since 5.14.
    state: stateLetter(member("__state") ?? member("state"), member("exit_state") ?? 0n, release),
    parent: parentId === undefined ? undefined : Number(parentId),
    isKernelThread: ((member("flags") ?? 0n) & PF_KTHREAD) !== 0n,
  };
}

/** The letter of a task's state, by its words `__state` and `exit_state`; `release` is its kernel's. */
export function stateLetter(state: bigint | undefined, exit: bigint, release: string): string {
  if (state === undefined) return "?";
  const all = state | exit;
  if (all === 0n) return "R";
  if (exit === 0n && (all & IDLE) === IDLE) return "I";
  // If the task has ended, the later bit says so, whatever it waited for before.
  const letter = LETTERS.findLast(([bit]) => (all & bit) !== 0n)?.[1] ?? "?";
  const isOld = (parseKernelVersion(release) ?? ZOMBIE_IS_LAST) < ZOMBIE_IS_LAST;
  return isOld ? ({ X: "Z", Z: "X" }[letter] ?? letter) : letter;
}
