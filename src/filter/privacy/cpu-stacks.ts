import { archSupport } from "../../kernel/arch/archs.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { type Note, NT_PRSTATUS } from "../../reader/notes.js";
import { inUserMode } from "./private-notes.js";

/**
 * The stack pointers in the CPUs' notes, if the machine's registers are known: of those that were in the kernel, for a program sets its
 * own as it likes. `lowestAddress` is the kernel's.
 */
export function savedStackPointers(
  { notes, machine }: Pick<Dump, "notes" | "machine">,
  lowestAddress: bigint,
): bigint[] {
  const { noteStackPointer: at, noteRegisters = [] } = archSupport(machine.arch) ?? {};
  if (at === undefined) return [];
  const registers = noteRegisters.find(({ owner }) => owner === "CORE");
  const inProgram = (note: Note) => registers !== undefined && inUserMode(note, registers, machine, lowestAddress);
  return notes
    .filter(({ name, type, desc }) => name === "CORE" && type === NT_PRSTATUS && desc.length >= at + machine.wordSize)
    .filter((note) => !inProgram(note))
    .map(({ desc }) => {
      const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
      return wordAt(view, at, machine.wordSize, machine.littleEndian);
    });
}

/** A CPU that a hypervisor stopped. */
export interface StoppedCpu {
  readonly cpu: number;
  /** Its stack pointer; `undefined`: it ran a program, so that nothing on stacks of the kernel is in use by it. */
  readonly pointer: bigint | undefined;
}

/**
 * The CPUs in QEMU's notes. A program sets its stack pointer as it likes, and a CPU may have run a virtual machine within the
 * machine, whose registers the note has then: so only those whose per-CPU memory is this kernel's. (A kernel that crashes has other
 * notes, and goes on from where they say: what it does then lies below, and a backtrace begins there.)
 */
export function stoppedCpus({ notes, machine }: Pick<Dump, "notes" | "machine">, kernel: KernelObjects): StoppedCpu[] {
  const { qemuCpu } = archSupport(machine.arch) ?? {};
  if (qemuCpu === undefined) return [];
  const own = new Map((possibleCpus(kernel) ?? []).map((cpu) => [perCpuAddress(kernel, 0n, cpu), cpu]));
  const found: StoppedCpu[] = [];
  for (const { name, type, desc } of notes) {
    if (name !== "QEMU" || type !== 0) continue;
    const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
    const word = (at: number) => (at + 8 <= desc.length ? view.getBigUint64(at, machine.littleEndian) : undefined);
    const inProgram = ((word(qemuCpu.mode) ?? 0n) & 3n) === 3n;
    const at = inProgram ? qemuCpu.ownMemory.user : qemuCpu.ownMemory.kernel;
    const memory = at === undefined ? undefined : word(at);
    const cpu = memory === undefined ? undefined : own.get(memory);
    if (cpu !== undefined) found.push({ cpu, pointer: inProgram ? undefined : word(qemuCpu.stackPointer) });
  }
  return found;
}

/** Physical addresses of the top page tables that CPUs were using (CR3), from QEMU's notes. */
export function usedTopTables({ notes, machine }: Pick<Dump, "notes" | "machine">): number[] {
  const at = archSupport(machine.arch)?.qemuTopTable;
  if (at === undefined) return [];
  return (
    notes
      .filter(({ name, type, desc }) => name === "QEMU" && type === 0 && desc.length >= at + 8)
      .map(({ desc }) => new DataView(desc.buffer, desc.byteOffset).getBigUint64(at, machine.littleEndian))
      // The lower bits are flags and the number of an address space.
      .map((value) => Number(value & 0xf_ffff_ffff_f000n))
  );
}
