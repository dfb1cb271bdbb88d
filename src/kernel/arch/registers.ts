/** Bytes [from, to) of a stack's top, a note or an object. */
export type BytePiece = readonly [from: number, to: number];

/**
 * Where at the top of a kernel stack the registers are that a program had when it entered the kernel (struct pt_regs of
 * arch/ARCH/include/asm/ptrace.h), and what THREAD_SIZE leaves above it (asm/processor.h, asm/thread_info.h).
 */
export interface UserFrame {
  /** Sizes that struct pt_regs may have, and bytes that may lie above it: those are tried in turn. */
  readonly sizes: readonly number[];
  readonly pads: readonly number[];
  /** What the size that a kernel's types tell is made a multiple of, for the frame on the stack. */
  readonly align: number;
  /** What is the program's. What is left says that the frame is one of user mode. */
  readonly clear: readonly BytePiece[];
  /** What shows that it is one: the words at these offsets have these bits. Absent: every stack is taken to have one. */
  readonly user?: readonly {
    readonly at: number;
    readonly width: 4 | 8;
    readonly mask: bigint;
    readonly value: bigint;
  }[];
}

/** What tells in a CPU's note that it was in user mode, and what is overwritten then. Offsets are the note's. */
export interface NoteRegisters {
  /** NT_PRSTATUS, or QEMU's own note, whatever its type. */
  readonly owner: "CORE" | "QEMU";
  /** The word that tells, an unsigned long if no width is given. */
  readonly at: number;
  readonly width?: 4;
  /** Bits that it has in user mode; or it is the program counter, below all kernel addresses. */
  readonly user: { readonly mask: bigint; readonly value: bigint } | "below-kernel";
  /** What tells the mode stays. Pieces may end behind the note. */
  readonly clear: readonly BytePiece[];
}

/** What a machine's programs have in floating-point and vector registers, which is user data nearly always. */
export interface VectorRegisters {
  /** n_type of their notes of owner LINUX (include/uapi/linux/elf.h). */
  readonly notes: readonly number[];
  /** Where a task that does not run has them: members of struct task_struct, with its thread pointer. */
  readonly saved: readonly SavedRegisters[];
}

export interface SavedRegisters {
  readonly member: string;
  /** The last of the object, whatever size its type has: the size depends on the CPU. */
  readonly toTheEnd?: true;
  /** A member of this struct instead, which lies behind task_struct in the same object; only if no other is there. */
  readonly behindTask?: string;
}

/** Where pr_reg begins in struct elf_prstatus (NT_PRSTATUS), on 64-bit and on 32-bit machines. */
export const NOTE64 = 112;
export const NOTE32 = 72;
