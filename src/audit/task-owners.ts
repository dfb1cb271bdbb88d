import type { AddressSpace } from "../kernel/address-space.js";
import {
  containerOf,
  type KernelObjects,
  memberAddress,
  readMember,
  readText,
} from "../kernel/objects/kernel-objects.js";
import { nameText } from "./file-owner.js";
import type { PageOwner } from "./page-owner.js";

const MAX_AREAS = 4096;
const MAX_STACK_PAGES = 32;

/** Finds owners of pages through the tasks. */
export interface TaskOwners {
  /** The task whose kernel stack contains a page. */
  stackAt(pfn: number): PageOwner | undefined;
  /**
   * The process whose anonymous memory contains a page: `mapping` is the word in its struct page, `index` the next one.
   */
  anonymous(mapping: bigint, index: bigint): PageOwner | undefined;
}

interface Task {
  readonly pid: number;
  readonly command: string;
}

/** Reads the tasks once: takes some 10 us a task. `stackPages`: number of pages of one stack. */
export function taskOwners(
  kernel: KernelObjects,
  space: AddressSpace,
  tasks: Iterable<bigint>,
  stackPages: number,
): TaskOwners {
  const { memory } = kernel;
  const stacks = new Map<number, Task>();
  const spaces = new Map<bigint, Task>();
  for (const address of tasks) {
    const pid = readMember(kernel, "task_struct", address, "pid");
    const comm = memberAddress(kernel, "task_struct", address, "comm");
    const command = comm === undefined ? undefined : readText(memory, comm, 16);
    if (pid === undefined || command === undefined) continue;
    const task = { pid: Number(BigInt.asIntN(32, pid)), command: nameText(command) };
    const mm = readMember(kernel, "task_struct", address, "mm");
    if (mm && !spaces.has(mm)) spaces.set(mm, task);
    const stack = readMember(kernel, "task_struct", address, "stack");
    if (!stack || !memory.isKernelAddress(stack)) continue;
    for (let i = 0; i < Math.min(stackPages, MAX_STACK_PAGES); i++) {
      const place = space.translate(stack + BigInt(i * memory.pageSize));
      if (place !== undefined) stacks.set(Math.floor(place.paddr / memory.pageSize), task);
    }
  }
  return {
    stackAt(pfn) {
      const task = stacks.get(pfn);
      return task && { what: "kernel stack", ...task };
    },
    anonymous(mapping, index) {
      const found = new Map<bigint, Task>();
      let areas = 0;
      for (const area of areasOf(kernel, mapping & ~3n)) {
        const mm = readMember(kernel, "vm_area_struct", area, "vm_mm");
        const start = readMember(kernel, "vm_area_struct", area, "vm_start");
        const end = readMember(kernel, "vm_area_struct", area, "vm_end");
        const first = readMember(kernel, "vm_area_struct", area, "vm_pgoff");
        if (mm === undefined || start === undefined || end === undefined || first === undefined) continue;
        const pages = (end - start) / BigInt(memory.pageSize);
        if (index < first || index - first >= pages) continue;
        areas++;
        const task = spaces.get(mm);
        if (task !== undefined) found.set(mm, task);
      }
      const [task] = found.values();
      return task && { what: "process", ...task, others: areas - 1 };
    },
  };
}

/** The areas in the tree of an anon_vma (3.7 and later). A damaged tree yields nothing more. */
function* areasOf(kernel: KernelObjects, anonVma: bigint): Generator<bigint> {
  const path = kernel.types.member("anon_vma", "rb_root.rb_root") === undefined ? "rb_root" : "rb_root.rb_root";
  const waiting = [readMember(kernel, "anon_vma", anonVma, `${path}.rb_node`) ?? 0n];
  const seen = new Set<bigint>();
  for (let node = waiting.pop(); node !== undefined && seen.size < MAX_AREAS; node = waiting.pop()) {
    if (!kernel.memory.isKernelAddress(node) || seen.has(node)) continue;
    seen.add(node);
    const chain = containerOf(kernel.types, node, "anon_vma_chain", "rb");
    const area = chain && readMember(kernel, "anon_vma_chain", chain, "vma");
    if (area && kernel.memory.isKernelAddress(area)) yield area;
    for (const side of ["rb_left", "rb_right"]) waiting.push(readMember(kernel, "rb_node", node, side) ?? 0n);
  }
}
