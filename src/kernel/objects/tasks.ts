import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import type { KernelView } from "../kernel-view.js";
import { containerOf, type KernelObjects, memberAddress, readMember, walkList } from "./kernel-objects.js";
import { scanSlabs, slabCaches } from "./slab-scan.js";

/** Linux has at most 2^22 process numbers, and threads that many. */
const MAX_TASKS = 1 << 22;
/** The most objects of the slab cache that are tried: objects of ended tasks are not in the list of tasks. */
const MAX_TRIES = 1024;

/**
 * The addresses of struct task_struct of all tasks and threads; of the CPUs' idle tasks only the first. The list begins
 * at init_task. Kernels without CONFIG_KALLSYMS_ALL do not say where that is: there a task is taken from the slab
 * allocator. Yields nothing where types are missing, or both init_task and slabs. Each task comes once, and at most as
 * many as would fill the memory: a damaged list may be a circle, and each task costs the caller some 10 us.
 */
export function* allTasks(dump: Dump, view: KernelView, kernel: KernelObjects): Generator<bigint> {
  const { types } = kernel;
  const initial = kernel.symbols.address("init_task");
  const head =
    initial === undefined ? taskInSlab(dump, view, kernel) : memberAddress(kernel, "task_struct", initial, "tasks");
  const first = head === undefined ? undefined : containerOf(types, head, "task_struct", "tasks");
  if (head === undefined || first === undefined) return;
  const size = Math.max(1, types.sizeOf("task_struct") ?? 1);
  // The first task is in the kernel's image, not in a slab.
  let left = Math.min(MAX_TASKS, 1 + Math.floor((dump.maxMapnr * dump.pageSize) / size));
  // In a damaged kernel many leaders may have one list of threads. A task that was met before ends its list.
  const leaders = new Set([first]);
  for (const task of walkList(kernel, head, "task_struct", "tasks", left)) {
    if (leaders.has(task)) break;
    leaders.add(task);
  }
  const threads = new Set<bigint>();
  for (const leader of leaders) {
    if (left-- <= 0) return;
    yield leader;
    const signal = readMember(kernel, "task_struct", leader, "signal");
    const list = signal && memberAddress(kernel, "signal_struct", signal, "thread_head");
    if (!list) continue;
    for (const thread of walkList(kernel, list, "task_struct", "thread_node", left)) {
      if (thread === leader) continue;
      if (leaders.has(thread) || threads.has(thread)) break;
      if (left-- <= 0) return;
      threads.add(thread);
      yield thread;
    }
  }
}

/** The address of the member `tasks` of some task that is in the list of tasks. */
function taskInSlab(dump: Dump, view: KernelView, kernel: KernelObjects): bigint | undefined {
  const { memory, types } = kernel;
  const cache = slabCaches(dump, view, kernel)?.find(({ name }) => name === "task_struct")?.address;
  const member = types.member("task_struct", "tasks");
  const stride = cache === undefined ? 0 : Number(readMember(kernel, "kmem_cache", cache, "size") ?? 0n);
  if (cache === undefined || member === undefined || stride < member.offset + member.size) return undefined;
  const bytes = new DataView(new ArrayBuffer(memory.wordSize));
  let left = MAX_TRIES;
  let found: bigint | undefined;
  scanSlabs(dump, view, kernel, (slab) => {
    if (slab.cache !== cache) return false;
    const end = slab.pfn * dump.pageSize + Math.min(slab.room, MAX_SLAB);
    for (let at = slab.pfn * dump.pageSize; at + stride <= end && left > 0; at += stride, left--) {
      if (dump.memory.read(new Uint8Array(bytes.buffer), at + member.offset) < memory.wordSize) continue;
      const next = wordAt(bytes, 0, memory.wordSize, memory.littleEndian);
      if (!memory.isKernelAddress(next)) continue;
      const previous = memory.readWord(next + BigInt(memory.wordSize));
      if (previous === undefined || previous === next || memory.readWord(previous) !== next) continue;
      found = next;
      return true;
    }
    return left <= 0;
  });
  return found;
}

/** Slabs of task_struct have 8 pages. */
const MAX_SLAB = 32 << 10;
