import { kernelVersion } from "../../kernel/version.js";
import type { Machine } from "../../reader/machine.js";

/** Where at the top of a kernel stack the registers are that a program had when it entered the kernel (struct pt_regs). */
export interface RegisterFrame {
  /** Sizes that struct pt_regs may have, and bytes that may lie above it: those are tried in turn. */
  readonly sizes: readonly number[];
  readonly pads: readonly number[];
  /** Bytes of struct pt_regs [from, to) that are the program's. What is left says that the frame is one of user mode. */
  readonly clear: readonly (readonly [number, number])[];
  /** What shows that it is one: the words at these offsets have these bits. Absent: every stack is taken to have one. */
  readonly user?: readonly {
    readonly at: number;
    readonly width: 4 | 8;
    readonly mask: bigint;
    readonly value: bigint;
  }[];
  readonly littleEndian: boolean;
}

/** struct pt_regs of arch/ARCH/include/asm/ptrace.h, and what THREAD_SIZE leaves above it (asm/processor.h, asm/thread_info.h). */
function frameOf(arch: Machine["arch"], version: number): Omit<RegisterFrame, "littleEndian"> | undefined {
  switch (arch) {
    case "x86_64":
      // Segment selectors stay: their two lowest bits are the privilege level. 16 bytes above it with FRED (6.9).
      return {
        sizes: [168],
        pads: [0, 16],
        clear: [
          [0, 136],
          [144, 160],
        ],
        user: [136, 160].map((at) => ({ at, width: 4, mask: 3n, value: 3n })),
      };
    case "i386":
      return {
        sizes: [68],
        pads: [8, 16, 0],
        clear: [
          [0, 28],
          [44, 52],
          [56, 64],
        ],
        user: [52, 64].map((at) => ({ at, width: 4, mask: 3n, value: 3n })),
      };
    case "arm64": {
      const size =
        version >= kernelVersion(5, 10)
          ? 336
          : version >= kernelVersion(4, 14)
            ? 320
            : version >= kernelVersion(4, 7)
              ? 304
              : 288;
      // All but pstate, the number of the system call, and the frame record that ends a backtrace.
      return {
        sizes: [size],
        pads: [0],
        clear: [
          [0, 264],
          [272, 280],
        ],
      };
    }
    case "s390x":
      // The PSW's problem state, with DAT and interrupts on.
      return {
        sizes: [192, 184, 176, 200, 208],
        pads: [0],
        clear: [
          [0, 8],
          [16, 160],
        ],
        user: [{ at: 8, width: 8, mask: 0x0701_0000_0000_0000n, value: 0x0701_0000_0000_0000n }],
      };
    case "riscv64":
      return {
        sizes: [288],
        pads: [0],
        clear: [
          [0, 256],
          [264, 272],
          [280, 288],
        ],
      };
    case "loongarch64":
      return { sizes: [320], pads: [0], clear: [[0, 280]] };
    case "arm":
      return {
        sizes: [72],
        pads: [8],
        clear: [
          [0, 64],
          [68, 72],
        ],
      };
    case "ppc64":
      // All but msr, trap, dsisr and result. Its size is known of kernels that have types only.
      return {
        sizes: [],
        pads: [0],
        clear: [
          [0, 264],
          [272, 312],
          [328, 336],
        ],
      };
    default:
      return undefined;
  }
}

/**
 * The frame of a machine's programs; `size` is that of the kernel's own struct pt_regs, where its types are known.
 * `undefined` where neither types nor a table tell it (mips, ia64, sparc64; ppc64 without types).
 */
export function registerFrame(machine: Machine, version: number, size: number | undefined): RegisterFrame | undefined {
  const known = frameOf(machine.arch, version);
  if (known === undefined) return undefined;
  const align = machine.wordSize === 8 && machine.arch !== "s390x" ? 16 : machine.wordSize;
  const least = Math.max(...known.clear.map(([, end]) => end));
  const told = size === undefined || size < least || size > 1024 ? undefined : size;
  // x86-64 has no alignment of it; on other machines its size is a multiple already, or is made one.
  const sizes = told === undefined ? known.sizes : [machine.arch === "x86_64" ? told : Math.ceil(told / align) * align];
  return sizes.length === 0 ? undefined : { ...known, sizes, littleEndian: machine.littleEndian };
}

/**
 * The pieces of a stack to overwrite: [from, to) in bytes of `stack`, whose end is the stack's top. Empty if there is no
 * frame of user mode.
 */
export function userRegisters(stack: DataView, frame: RegisterFrame): (readonly [number, number])[] {
  for (const pad of frame.pads) {
    for (const size of frame.sizes) {
      const start = stack.byteLength - pad - size;
      if (start < 0) continue;
      const isUser = (frame.user ?? []).every(({ at, width, mask, value }) => {
        const word =
          width === 8
            ? stack.getBigUint64(start + at, frame.littleEndian)
            : BigInt(stack.getUint32(start + at, frame.littleEndian));
        return (word & mask) === value;
      });
      if (isUser) return frame.clear.map(([from, to]) => [start + from, start + to]);
    }
  }
  return [];
}
