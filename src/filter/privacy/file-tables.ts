import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember } from "../../kernel/objects/kernel-objects.js";

const MAX_FILES = 1 << 26;
const MAX_TABLES = 1 << 22;

/** Bytes of virtual memory. */
export interface VirtualPiece {
  readonly address: bigint;
  readonly length: number;
}

/** Unwritten room in tables of open files. */
export interface FileTableRooms {
  /** The ends of allocations: their slab objects are larger. */
  readonly ends: readonly bigint[];
  /** Places for files in `struct files_struct` of processes with a larger, separate table. */
  readonly pieces: readonly VirtualPiece[];
}

/**
 * A process with more than 64 open files has their table and its three bitmaps in separate objects (fs/file.c; one
 * object for all three since 4.4). Empty if the types lack a member.
 */
export function fileTableRooms(kernel: KernelObjects, tasks: Iterable<bigint>): FileTableRooms {
  const { memory, types } = kernel;
  const ends: bigint[] = [];
  const pieces: VirtualPiece[] = [];
  const own = types.member("files_struct", "fd_array");
  const first = types.member("files_struct", "fdtab");
  if (own === undefined || first === undefined) {
    kernel.incomplete?.();
    return { ends, pieces };
  }
  const seen = new Set<bigint>();
  const bits = 8 * memory.wordSize;
  for (const task of tasks) {
    const files = readMember(kernel, "task_struct", task, "files");
    if (!files || !memory.isKernelAddress(files) || seen.has(files) || seen.size >= MAX_TABLES) continue;
    seen.add(files);
    const table = readMember(kernel, "files_struct", files, "fdt");
    if (!table || !memory.isKernelAddress(table) || table === memberAddress(kernel, "files_struct", files, "fdtab"))
      continue;
    pieces.push({ address: files + BigInt(own.offset), length: own.size });
    const count = Number(readMember(kernel, "fdtable", table, "max_fds") ?? 0n);
    const last = readMember(kernel, "fdtable", table, "full_fds_bits");
    if (!last || !memory.isKernelAddress(last) || count === 0 || count > MAX_FILES) continue;
    const words = Math.ceil(Math.ceil(count / bits) / bits);
    ends.push(last + BigInt(words * memory.wordSize));
  }
  return { ends, pieces };
}

/** Adds the unwritten bytes in tables of open files; returns the ends of the other tables, ascending. */
export function fileTableEnds(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  add: (paddr: number, length: number) => void,
): number[] {
  const { ends, pieces } = fileTableRooms(kernel, tasks);
  for (const { address, length } of pieces) {
    const place = space.translate(address);
    if (place !== undefined && place.length >= length) add(place.paddr, length);
  }
  return ends
    .map((end) => (space.translate(end - 1n)?.paddr ?? -1) + 1)
    .filter((end) => end > 0)
    .sort((a, b) => a - b);
}
