import type { BytePiece, VectorRegisters } from "../../kernel/arch/registers.js";
import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";

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
    if (member === undefined || before === undefined || (behindTask !== undefined && found.length > 0)) continue;
    const from = before + member.offset;
    const to = toTheEnd ? objectSize : from + member.size;
    if (from < to && to <= objectSize) found.push([from, to]);
  }
  return found;
}
