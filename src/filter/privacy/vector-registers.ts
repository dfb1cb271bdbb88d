import type { BytePiece, VectorRegisters } from "../../kernel/arch/registers.js";
import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";

const POINTER = 8;

/**
 * Pieces of an object of the cache task_struct, whose objects have `objectSize` bytes, that contain a task's
 * floating-point and vector registers.
 */
export function vectorRegisters(
  types: KernelTypes,
  objectSize: number,
  registers: VectorRegisters | undefined,
): readonly BytePiece[] {
  const found: BytePiece[] = [];
  for (const { member: path, toTheEnd, behindTask } of registers?.saved ?? []) {
    const before = behindTask === undefined ? 0 : types.sizeOf("task_struct");
    const member = types.member(behindTask ?? "task_struct", path);
    // In other versions it is a pointer to another object.
    if (member === undefined || member.size <= POINTER || before === undefined) continue;
    if (behindTask !== undefined && found.length > 0) continue;
    const from = before + member.offset;
    const to = toTheEnd ? objectSize : from + member.size;
    if (from < to && to <= objectSize) found.push([from, to]);
  }
  return found;
}

/** Where tasks have vector registers in memory of their own: SVE, SME, RISC-V's vectors; those of x86 before 4.2. */
export function vectorsApart(
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  registers: VectorRegisters | undefined,
): bigint[] {
  const found: bigint[] = [];
  const members = registers?.apart ?? [];
  for (const task of members.length === 0 ? [] : tasks) {
    for (const path of members) {
      if (kernel.types.member("task_struct", path)?.size !== kernel.memory.wordSize) continue;
      const place = readMember(kernel, "task_struct", task, path);
      if (place && kernel.memory.isKernelAddress(place)) found.push(place);
    }
  }
  return found;
}
