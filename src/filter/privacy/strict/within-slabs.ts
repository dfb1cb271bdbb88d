import { firstIndex } from "../../../sorted.js";
import type { StrictRecord } from "./record-list.js";
import { KEEP, type StrictObjects } from "./strict-pages.js";

/**
 * Cuts a single object at the end of the slab object that contains it; `undefined` if that one is free. A type may be
 * longer than its objects: x86 makes a task_struct as long as the CPU's registers need (arch_task_struct_size), and the
 * rest of the type's bytes belongs to the next object.
 */
export function withinSlabs(
  slabs: StrictObjects,
  free: Uint8Array,
): (record: StrictRecord) => StrictRecord | undefined {
  return (record) => {
    const begin = record.start - (record.before ?? 0);
    const slab = record.shape === KEEP ? -1 : slabAt(slabs, begin);
    if (slab < 0) return record;
    const every = slabs.stride[slab] as number;
    const first = slabs.start[slab] as number;
    const index = Math.floor((begin - first) / every);
    const states = slabs.free[slab] as number;
    const left = first + (index + 1) * every - record.start;
    if (left <= 0 || (states >= 0 && free[states + index] !== 0)) return undefined;
    return { ...record, stride: Math.min(record.stride, left) };
  };
}

/** The index of the slab that contains an address; -1 if none does. */
function slabAt({ start, stride, count }: StrictObjects, address: number): number {
  const i = firstIndex(start.length, (k) => (start[k] as number) > address) - 1;
  if (i < 0) return -1;
  return address < (start[i] as number) + (stride[i] as number) * (count[i] as number) ? i : -1;
}
