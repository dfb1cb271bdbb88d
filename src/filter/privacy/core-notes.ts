import type { AddressSpace } from "../../kernel/address-space.js";
import { archSupport } from "../../kernel/arch/archs.js";
import { type KernelObjects, readMember, readText } from "../../kernel/objects/kernel-objects.js";
import type { Machine } from "../../reader/machine.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { guessing } from "./watched-kernel.js";

/** The most threads of a process, notes of a thread, and bytes of a note: SVE's are the largest. */
const MAX_THREADS = 1 << 16;
const MAX_NOTES = 32;
const MAX_DATA = 1 << 20;

/** A process whose core is being written, perhaps for a long time: the program that receives it need not read. */
interface Dumping {
  readonly dumper: bigint;
  readonly core: bigint;
}

/**
 * The registers of processes whose core is being dumped, which will be written soon: an `elf_thread_core_info` of each
 * thread (fs/binfmt_elf.c; the pointer to the first is on the dumping thread's stack), with its NT_PRSTATUS and the
 * data of all further notes: floating-point, vector registers. `stackBytes` is the size of a kernel stack. Empty if the
 * types lack it.
 */
export function coreNotes(
  space: AddressSpace,
  kernel: KernelObjects,
  machine: Machine,
  tasks: Iterable<bigint>,
  stackBytes: number,
): ScrubList {
  const { memory, types } = kernel;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const [owner, prstatus, next, notes] = ["task", "prstatus", "next", "notes"].map((name) =>
    types.member("elf_thread_core_info", name),
  );
  if (!owner || !prstatus || !next || !notes) return found;
  const word = memory.wordSize;
  // Words of a stack are anything, and what lies behind the last note is no note.
  const unsure = guessing(kernel);
  const seen = new Set<bigint>();
  const clear = archSupport(machine.arch)?.noteRegisters?.find((one) => one.owner === "CORE")?.clear ?? [];

  const eraseNotes = (info: bigint) => {
    for (let i = 0; i < MAX_NOTES; i++) {
      const note = info + BigInt(notes.offset + i * (types.sizeOf("memelfnote") ?? 0));
      const name = readMember(unsure, "memelfnote", note, "name");
      const data = readMember(unsure, "memelfnote", note, "data");
      const size = Number(readMember(unsure, "memelfnote", note, "datasz") ?? 0n);
      const isNote =
        name && memory.isKernelAddress(name) && /^(CORE|LINUX)$/.test(readText(unsure.memory, name, 8) ?? "");
      if (!isNote || !data || !memory.isKernelAddress(data) || size > MAX_DATA) return;
      // The first one is in `prstatus`.
      if (data !== info + BigInt(prstatus.offset)) addVirtual(space, data, size, found.list);
    }
  };
  const erase = (first: bigint) => {
    for (let info = first; info !== 0n && seen.size < MAX_THREADS; ) {
      if (!memory.isKernelAddress(info) || seen.has(info)) return;
      seen.add(info);
      found.objects++;
      for (const [from, to] of clear) {
        const start = info + BigInt(prstatus.offset + from);
        addVirtual(space, start, Math.min(to, prstatus.size) - from, found.list);
      }
      eraseNotes(info);
      info = memory.readWord(info + BigInt(next.offset)) ?? 0n;
    }
  };
  for (const { dumper, core } of dumping(kernel, tasks)) {
    const stack = readMember(kernel, "task_struct", dumper, "stack");
    const view = stack ? memory.readView(stack, stackBytes) : undefined;
    for (let at = 0; view !== undefined && at + word <= stackBytes; at += word) {
      const value =
        word === 8 ? view.getBigUint64(at, memory.littleEndian) : BigInt(view.getUint32(at, memory.littleEndian));
      if (value % BigInt(word) !== 0n || !memory.isKernelAddress(value) || seen.has(value)) continue;
      const task = unsure.memory.readWord(value + BigInt(owner.offset));
      // It names a thread of the process, so it is not one of the stack's other pointers: these threads have the same
      // core_state.
      if (task && memory.isKernelAddress(task) && coreState(unsure, task) === core) erase(value);
    }
  }
  return found;
}

/** It is in struct signal_struct since 5.16, before that in mm_struct. */
function coreState(kernel: KernelObjects, task: bigint): bigint | undefined {
  for (const [type, member] of [
    ["signal_struct", "signal"],
    ["mm_struct", "mm"],
  ] as const) {
    if (kernel.types.member(type, "core_state") === undefined) continue;
    const owner = readMember(kernel, "task_struct", task, member);
    return owner && kernel.memory.isKernelAddress(owner) ? readMember(kernel, type, owner, "core_state") : undefined;
  }
  return undefined;
}

function* dumping(kernel: KernelObjects, tasks: Iterable<bigint>): Generator<Dumping> {
  const seen = new Set<bigint>();
  for (const task of tasks) {
    const core = coreState(kernel, task);
    if (!core || !kernel.memory.isKernelAddress(core) || seen.has(core)) continue;
    seen.add(core);
    const dumper = readMember(kernel, "core_state", core, "dumper.task");
    if (dumper && kernel.memory.isKernelAddress(dumper)) yield { dumper, core };
  }
}
