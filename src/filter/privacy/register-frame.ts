import { archSupport } from "../../kernel/arch/archs.js";
import type { BytePiece, UserFrame } from "../../kernel/arch/registers.js";
import { wordAt } from "../../reader/fields.js";
import type { Machine } from "../../reader/machine.js";
import { registerCopies, wordsOf } from "./register-copies.js";

/** A machine's register frame, for searching stacks. */
export interface RegisterFrame extends UserFrame {
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/**
 * The frame of a machine's programs; `size` is that of the kernel's own struct pt_regs, if its types are known.
 * `undefined` if neither types nor the architecture's row describe it (mips, ia64, sparc64; ppc64 without types).
 */
export function registerFrame(machine: Machine, version: number, size: number | undefined): RegisterFrame | undefined {
  const known = archSupport(machine.arch)?.userFrame?.(version);
  if (known === undefined) return undefined;
  const { align } = known;
  const least = Math.max(...known.clear.map(([, end]) => end));
  const told = size === undefined || size < least || size > 1024 ? undefined : size;
  const sizes = told === undefined ? known.sizes : [Math.ceil(told / align) * align];
  return sizes.length === 0
    ? undefined
    : { ...known, sizes, wordSize: machine.wordSize, littleEndian: machine.littleEndian };
}

/**
 * The pieces of a stack to overwrite: [from, to) in bytes of `stack`, whose end is the stack's top: the frame, and
 * copies of it. Empty if there is no frame of user mode.
 */
export function userRegisters(stack: DataView, frame: RegisterFrame): BytePiece[] {
  for (const pad of frame.pads) {
    for (const size of frame.sizes) {
      const start = stack.byteLength - pad - size;
      if (start < 0) continue;
      const isUser = (frame.user ?? []).every(({ at, width, mask, value }) => {
        const word = wordAt(stack, start + at, width, frame.littleEndian);
        return (word & mask) === value;
      });
      if (isUser) {
        const own = frame.clear.map(([from, to]): BytePiece => [start + from, start + to]);
        const largest = own.reduce((a, b) => (b[1] - b[0] > a[1] - a[0] ? b : a));
        const copies = registerCopies(stack, wordsOf(stack, largest, frame), frame, [start, start + size]);
        return [...own, ...copies];
      }
    }
  }
  return [];
}
