import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { archSupport } from "../../kernel/arch/archs.js";
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

/** Of machines of which nothing is known. */
const USUAL_STACK: TaskStack = { bytes: 16384, hasThreadInfo: true };

/** The mark of a kernel's stacks. `version` is `kernelVersion`'s number. */
export function stackMark(machine: Machine, pageSize: number, version: number): StackMark {
  const { bytes, hasThreadInfo } = archSupport(machine.arch)?.stack(version) ?? USUAL_STACK;
  return {
    pages: Math.floor(bytes / pageSize),
    // Without struct thread_info the mark is the stack's first word.
    within: hasThreadInfo ? THREAD_INFO_SIZE : machine.wordSize,
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
