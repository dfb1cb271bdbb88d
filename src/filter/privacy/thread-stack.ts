import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { archSupport } from "../../kernel/arch/archs.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Machine } from "../../reader/machine.js";

/** How to recognise a kernel stack by its content. */
export interface StackMark {
  /** Pages of a stack; 0 if a stack is smaller than a page: such stacks are in the slab. */
  readonly pages: number;
  /** Bytes from the lowest address on that may contain the mark: behind struct thread_info, if it is there. */
  readonly within: number;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/** In the lowest free word of every kernel stack since 2.6.28 (STACK_END_MAGIC, include/uapi/linux/magic.h). */
const STACK_END_MAGIC = 0x57ac6e9d;
/** struct thread_info is smaller on any machine: ARM's, with its floating-point registers, has about 800 bytes. */
const THREAD_INFO_SIZE = 2048;

/** For machines about which nothing is known. */
const USUAL_STACK: TaskStack = { bytes: 16384, hasThreadInfo: true };

/** Symbols at both ends of the first task's stack: since 6.11, since 4.16 (include/asm-generic/vmlinux.lds.h). */
const FIRST_STACK = [
  ["__start_init_stack", "__end_init_stack"],
  ["__start_init_task", "__end_init_task"],
] as const;
/** The smallest and the largest stack: 64-bit kernels with KASAN and pages of 64 KiB have 128 KiB. */
const [LEAST, MOST] = [4096, 1 << 18];

/**
 * The size of a kernel's stacks, from its own symbols and types if they are known: KASAN doubles the size, and with
 * pages of 64 KiB it is that of a page. Otherwise the usual size for `version` (a number of `kernelVersion`).
 */
export function taskStack(
  { arch }: Machine,
  version: number,
  kernel?: Pick<KernelObjects, "symbols" | "types">,
): TaskStack {
  const usual = archSupport(arch)?.stack(version) ?? USUAL_STACK;
  const sizes = FIRST_STACK.map(([first, last]) => {
    const [start, end] = [kernel?.symbols.address(first), kernel?.symbols.address(last)];
    return start === undefined || end === undefined ? 0 : Number(end - start);
  });
  const known = sizes.find((bytes) => bytes >= LEAST && bytes <= MOST && Math.log2(bytes) % 1 === 0);
  const task = kernel?.types.members("task_struct");
  const hasThreadInfo = task === undefined ? usual.hasThreadInfo : !task.some(({ name }) => name === "thread_info");
  return { bytes: known ?? usual.bytes, hasThreadInfo };
}

/** The mark of a kernel's stacks. */
export function stackMark(machine: Machine, pageSize: number, { bytes, hasThreadInfo }: TaskStack): StackMark {
  return {
    pages: Math.floor(bytes / pageSize),
    // Without struct thread_info the mark is in the stack's first word.
    within: hasThreadInfo ? THREAD_INFO_SIZE : machine.wordSize,
    wordSize: machine.wordSize,
    littleEndian: machine.littleEndian,
  };
}

/** Whether `bytes`, the first of some memory (at least `within` of them), are the lowest bytes of a kernel stack. */
export function isStackBottom(bytes: DataView, { within, wordSize, littleEndian }: StackMark): boolean {
  const [low, high] = littleEndian ? [0, 4] : [4, 0];
  for (let at = 0; at + wordSize <= Math.min(within, bytes.byteLength); at += wordSize) {
    if (wordSize === 4) {
      if (bytes.getUint32(at, littleEndian) === STACK_END_MAGIC) return true;
    } else if (
      bytes.getUint32(at + low, littleEndian) === STACK_END_MAGIC &&
      bytes.getUint32(at + high, littleEndian) === 0
    ) {
      return true;
    }
  }
  return false;
}
