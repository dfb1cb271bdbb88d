import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import type { AllocationCheck } from "./allocations.js";

const MAX_FILES = 1 << 16;

/** A `struct file`: its operations, and its own data (`private_data`). */
export interface OpenFile {
  readonly operations: bigint;
  readonly own: bigint;
}

/** Where files are that are open. */
export interface OpenFiles {
  /** Tasks: each has a table of its open files. */
  readonly tasks: Iterable<bigint>;
  /** All open files in slabs, also those in no table: on their way through sockets, or registered with io_uring. */
  readonly others: Iterable<OpenFile>;
  /** Checks that an address is an allocation in use of that size; `undefined` if slabs were not looked into: then every address is believed. */
  readonly allocations?: AllocationCheck | undefined;
}

/**
 * What files that are open point to (`private_data`), of files with operations that are `wanted`. A file that several
 * have open comes several times.
 */
export function* dataOfOpenFiles(
  kernel: KernelObjects,
  { tasks, others }: OpenFiles,
  wanted: (operations: bigint) => boolean,
): Generator<bigint> {
  const { memory } = kernel;
  const word = BigInt(memory.wordSize);
  const seen = new Set<bigint>();
  for (const task of tasks) {
    const files = readMember(kernel, "task_struct", task, "files");
    if (!files || seen.has(files)) continue;
    seen.add(files);
    const table = readMember(kernel, "files_struct", files, "fdt");
    const array = table && readMember(kernel, "fdtable", table, "fd");
    if (!table || !array) continue;
    const room = Number(readMember(kernel, "fdtable", table, "max_fds") ?? 0n);
    if (room > MAX_FILES) kernel.incomplete?.();
    const count = Math.min(room, MAX_FILES);
    for (let i = 0; i < count; i++) {
      const file = memory.readWord(array + BigInt(i) * word);
      if (file === undefined) break;
      const operations = file === 0n ? undefined : readMember(kernel, "file", file, "f_op");
      if (!operations || !wanted(operations)) continue;
      const own = readMember(kernel, "file", file, "private_data");
      if (own) yield own;
    }
  }
  for (const { operations, own } of others) if (wanted(operations) && own !== 0n) yield own;
}
