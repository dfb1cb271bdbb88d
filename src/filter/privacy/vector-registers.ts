import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";

/** Members of struct task_struct with what a task's floating-point and vector registers held, and its thread pointer. */
const SAVED: readonly string[] = [
  // x86: from here to the object's end, for the size depends on the CPU. 5.16 to 6.15, 4.2 to 5.15.
  "thread.fpu.__fpstate.regs",
  "thread.fpu.state",
  // arm64 (4.16 and later, before); arm.
  "thread.uw",
  "thread.fpsimd_state",
  "thread_info.vfpstate",
  "thread_info.fpstate",
  // s390x to 6.8, and later.
  "thread.fpu.vxrs",
  "thread.ufpu.vxrs",
  "thread.acrs",
  // POWER: and the copies of transactions.
  "thread.fp_state",
  "thread.vr_state",
  "thread.ckfp_state",
  "thread.ckvr_state",
  "thread.ckpt_regs",
  // RISC-V; MIPS and LoongArch.
  "thread.fstate",
  "thread.fpu.fpr",
];

/** Those that are the last of the object, whatever size their type has. */
const TO_THE_END: ReadonlySet<string> = new Set(["thread.fpu.__fpstate.regs", "thread.fpu.state"]);

/** Pieces [from, to) of an object of the cache task_struct, whose objects have `objectSize` bytes. */
export function vectorRegisters(types: KernelTypes, objectSize: number): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  const add = (from: number, to: number) => {
    if (from < to && to <= objectSize) found.push([from, to]);
  };
  for (const path of SAVED) {
    const member = types.member("task_struct", path);
    if (member === undefined) continue;
    add(member.offset, TO_THE_END.has(path) ? objectSize : member.offset + member.size);
  }
  // Since 6.16 struct fpu lies behind task_struct in the same object.
  const task = types.sizeOf("task_struct");
  const regs = types.member("fpu", "__fpstate.regs");
  if (found.length === 0 && task !== undefined && regs !== undefined) add(task + regs.offset, objectSize);
  return found;
}
