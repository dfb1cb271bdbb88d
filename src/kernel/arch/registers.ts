/** Bytes [from, to) of a stack's top, a note or an object. */
export type BytePiece = readonly [from: number, to: number];

/**
 * Where a program's registers are at the top of its kernel stack, saved when it entered the kernel (struct pt_regs of
 * arch/ARCH/include/asm/ptrace.h), and the bytes that THREAD_SIZE leaves above them (asm/processor.h,
 * asm/thread_info.h).
 */
export interface UserFrame {
  /** Possible sizes of struct pt_regs, and of the padding above it. All are tried in turn. */
  readonly sizes: readonly number[];
  readonly pads: readonly number[];
  /** If the kernel's types give the size, it is rounded up to a multiple of this for the frame on the stack. */
  readonly align: number;
  /** The program's data in the frame. The rest shows that the frame is one of user mode. */
  readonly clear: readonly BytePiece[];
  /**
   * The words at these offsets have these bits if the frame is one of user mode. Absent: every stack is assumed to have
   * such a frame.
   */
  readonly user?: readonly {
    readonly at: number;
    readonly width: 4 | 8;
    readonly mask: bigint;
    readonly value: bigint;
  }[];
}

/**
 * How a CPU's note shows that the CPU was in user mode, and the bytes that are then overwritten. Offsets are the
 * note's.
 */
export interface NoteRegisters {
  /** NT_PRSTATUS, or QEMU's own note, whatever its type. */
  readonly owner: "CORE" | "QEMU";
  /** Offset of the word that shows the mode; an unsigned long if no width is given. */
  readonly at: number;
  readonly width?: 4;
  /**
   * The bits that this word has in user mode. "below-kernel": the word is the program counter, and is below all kernel
   * addresses.
   */
  readonly user: { readonly mask: bigint; readonly value: bigint } | "below-kernel";
  /** The bytes that are overwritten; those that show the mode are not. Pieces may end behind the note. */
  readonly clear: readonly BytePiece[];
}

/** Where QEMU's note has what a CPU was doing: offsets in bytes. */
export interface QemuCpu {
  /** A word whose two lowest bits are 3 if the CPU was in user mode. */
  readonly mode: number;
  readonly stackPointer: number;
  /**
   * Where the CPU's own memory (per-CPU) begins, in the kernel and in user mode: programs cannot set these. Absent: the note does
   * not have it.
   */
  readonly ownMemory: { readonly kernel: number; readonly user?: number };
}

/** A machine's floating-point and vector registers: a program's values there are nearly always user data. */
export interface VectorRegisters {
  /** n_type of their notes of owner LINUX (include/uapi/linux/elf.h). */
  readonly notes: readonly number[];
  /** Where they are saved while a task does not run: members of struct task_struct, with its thread pointer. */
  readonly saved: readonly SavedRegisters[];
  /** Members of struct task_struct that point to more of them, in memory of their own. A kernel has some of these. */
  readonly apart?: readonly string[];
}

export interface SavedRegisters {
  readonly member: string;
  /**
   * The member is the last of its object, and reaches to the object's end whatever size its type has: the size depends
   * on the CPU.
   */
  readonly toTheEnd?: true;
  /**
   * The member belongs to this struct, which follows task_struct in the same object. Used only if no other member is
   * there.
   */
  readonly behindTask?: string;
}

/** Where pr_reg begins in struct elf_prstatus (NT_PRSTATUS), on 64-bit and on 32-bit machines. */
export const NOTE64 = 112;
export const NOTE32 = 72;
