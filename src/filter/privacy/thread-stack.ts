import { kernelVersion } from "../../kernel/version.js";
import type { Machine } from "../../reader/machine.js";

/** What tells a kernel stack by its content. */
export interface StackMark {
  /** Pages of a stack; 0 where it is less than one: such stacks are in the slab. */
  readonly pages: number;
  /** Bytes from the lowest address on in which the mark may be: behind struct thread_info, where that is there. */
  readonly within: number;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/** Stands at the lowest free word of every kernel stack since 2.6.28 (STACK_END_MAGIC, include/uapi/linux/magic.h). */
const STACK_END_MAGIC = 0x57ac6e9d;
/** struct thread_info of any machine is smaller: ARM's, with its floating-point registers, has some 800 bytes. */
const THREAD_INFO_SIZE = 2048;

/** THREAD_SIZE in KiB (asm/thread_info.h of each machine). */
const STACK_KIB: Readonly<Record<string, number>> = {
  x86_64: 16,
  i386: 8,
  arm: 8,
  arm64: 16,
  s390x: 16,
  riscv64: 16,
  ppc64: 16,
  ppc32: 8,
  mips64: 16,
  mips: 8,
  loongarch64: 16,
  ia64: 32,
  sparc64: 16,
};

/** First kernel with struct thread_info in task_struct (THREAD_INFO_IN_TASK): the mark is the stack's first word. */
const INFO_IN_TASK: Readonly<Record<string, number>> = {
  x86_64: kernelVersion(4, 9),
  i386: kernelVersion(4, 9),
  arm64: kernelVersion(4, 10),
  s390x: kernelVersion(4, 11),
  riscv64: 0,
  ppc64: kernelVersion(5, 1),
  ppc32: kernelVersion(5, 1),
  arm: kernelVersion(5, 18),
};

/** The mark of a kernel's stacks. `version` is `kernelVersion`'s number. */
export function stackMark(machine: Machine, pageSize: number, version: number): StackMark {
  // 8 KiB until 3.14 (arch/x86/include/asm/page_64_types.h).
  const small = machine.arch === "x86_64" && version < kernelVersion(3, 15);
  const bytes = (small ? 8 : (STACK_KIB[machine.arch] ?? 16)) * 1024;
  const first = version >= (INFO_IN_TASK[machine.arch] ?? Number.POSITIVE_INFINITY);
  return {
    pages: Math.floor(bytes / pageSize),
    within: first ? machine.wordSize : THREAD_INFO_SIZE,
    wordSize: machine.wordSize,
    littleEndian: machine.littleEndian,
  };
}

/** Whether `bytes`, the first of some memory (at least `within` of them), are the lowest ones of a kernel stack. */
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
