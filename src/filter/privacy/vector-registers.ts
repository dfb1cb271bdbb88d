import type { BytePiece, VectorRegisters } from "../../kernel/arch/registers.js";
import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import type { Slab } from "../../kernel/objects/slab-walk.js";
import { firstIndex } from "../../sorted.js";
import { type BufferPiece, objectsInSlab } from "./socket-buffers.js";
import { typeOfObjects } from "./type-holes.js";

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

/** Those that were in struct thread_info at the begin of each kernel stack, until that became a part of the task (ARM, 5.16). */
export function vectorsOnStacks(
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  registers: VectorRegisters | undefined,
): { readonly address: bigint; readonly length: number }[] {
  const { memory, types } = kernel;
  const members = (registers?.saved ?? [])
    .filter(({ member }) => member.startsWith(ON_STACK) && types.member("task_struct", member) === undefined)
    .map(({ member }) => types.member("thread_info", member.slice(ON_STACK.length)))
    .filter((member) => member !== undefined);
  const found: { address: bigint; length: number }[] = [];
  for (const task of members.length === 0 ? [] : tasks) {
    const stack = readMember(kernel, "task_struct", task, "stack");
    if (!stack || !memory.isKernelAddress(stack)) continue;
    for (const { offset, size } of members) found.push({ address: stack + BigInt(offset), length: size });
  }
  return found;
}

const ON_STACK = "thread_info.";

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

/**
 * The objects of a slab that begin at such places, which ascend. A damaged pointer may lead anywhere: not to objects whose
 * type is known, and not into one.
 */
export function vectorsInSlab(
  kernel: Pick<KernelObjects, "memory" | "types">,
  slab: Slab,
  places: readonly number[],
): BufferPiece[] {
  const begins = (start: number) => places[firstIndex(places.length, (i) => (places[i] as number) >= start)] === start;
  const found = objectsInSlab(slab, places).filter(({ start }) => begins(start));
  return found.length > 0 && typeOfObjects(kernel, slab.cache) !== undefined ? [] : found;
}
