import { DumpError } from "../errors.js";
import { saysNothingOfKernel } from "../kernel/cannot-filter.js";
import { type KernelView, viewMemory } from "../kernel/kernel-view.js";
import type { CpuRegisters } from "../kernel/objects/crash-notes.js";
import { encodeNote } from "../reader/cpu-notes/encode-notes.js";
import type { Dump } from "../reader/dump.js";
import { factsOf } from "../reader/machine.js";
import { countCpus, countRegisters, NT_PRSTATUS, parseNotes } from "../reader/notes.js";
import { ofFile, Warnings } from "../warnings.js";
import { type OutputFormat, outputFormatFacts } from "../writer/output-format.js";
import type { Session } from "./own-session.js";

/** The number of CPUs, and for how many of them there are registers. */
export interface CpuCount {
  readonly cpus: number;
  readonly withRegisters: number;
}

/**
 * The session of a dump with a note for each CPU, for outputs: images of memory have none. Registers are taken from
 * where a crash left them in memory (`crash_notes`). In a kdump file, each other CPU gets a note without registers,
 * because drgn unwinds no task of a dump with too few notes (libkdumpfile counts CPUs by notes: "cpu.number"). Such a
 * note has process -1, so that readers do not take it for a task's: zeros would count as the registers of the idle
 * task. A dump that has notes is not changed. Finding the kernel's symbols costs up to 220 ms.
 */
export async function withCpuNotes(session: Session, format: OutputFormat): Promise<Session> {
  const { dump, view, warnings } = session;
  const size = factsOf(dump.machine.arch).prstatus;
  if (size === undefined || countCpus(dump.notes) > 0 || !outputFormatFacts(format).holdsNotes) return session;
  const registers = (await registersIn(dump, view)) ?? withoutRegisters(dump.header.cpus);
  const withRegisters = registers.filter(({ prstatus }) => prstatus !== undefined).length;
  // If no kernel is found, only notes show how many CPUs the machine of an ELF file had: the number in the input's
  // header would be lost.
  if (withRegisters === 0 && format === "elf" && (view !== undefined || dump.header.cpus === 0)) return session;
  if (withRegisters > 0 && withRegisters < registers.length) {
    const what = `only ${withRegisters} of ${registers.length} CPUs have registers in the dump`;
    warnings.add("REGISTERS", ofFile(dump.paths[0] ?? "", what), registers.length - withRegisters);
  }
  const { littleEndian } = dump.machine;
  const added = registers.map(({ prstatus }) =>
    encodeNote("CORE", NT_PRSTATUS, prstatus ?? absentRegisters(size, dump), littleEndian),
  );
  const noteArea = Buffer.concat([...added, dump.noteArea]);
  const notes = parseNotes(noteArea, littleEndian, dump.paths[0] ?? "", new Warnings());
  const header = { ...dump.header, cpus: registers.length };
  return { ...session, dump: { ...dump, noteArea, notes, header } };
}

/** For how many CPUs a dump has registers, in notes or in its kernel's memory. Looks for the kernel's symbols. */
export async function cpuCount({ dump, view }: Pick<Session, "dump" | "view">): Promise<CpuCount> {
  const noted = notedCpus(dump);
  const registers = (await registersIn(dump, view)) ?? [];
  const saved = registers.filter(({ prstatus }) => prstatus !== undefined).length;
  return {
    cpus: Math.max(noted.cpus, registers.length),
    withRegisters: countCpus(dump.notes) > 0 ? noted.withRegisters : saved,
  };
}

/** The numbers according to a dump's notes and header. */
export function notedCpus({ header, notes, machine }: Dump): CpuCount {
  return { cpus: Math.max(header.cpus, countCpus(notes)), withRegisters: countRegisters(notes, machine.wordSize) };
}

/** The text behind the number of CPUs; empty if all have registers. */
export function registersText({ cpus, withRegisters }: CpuCount): string {
  if (withRegisters === cpus) return "";
  if (withRegisters === 0) return cpus === 1 ? " without registers" : ", none with registers";
  return `, ${withRegisters} of them with registers`;
}

async function registersIn(dump: Dump, view: KernelView | undefined): Promise<CpuRegisters[] | undefined> {
  const size = factsOf(dump.machine.arch).prstatus;
  const memory = view && viewMemory(dump, view);
  if (size === undefined || memory === undefined) return undefined;
  // Loaded here, because most dumps have notes and need neither.
  const [{ findSymbols }, { crashRegisters }] = await Promise.all([
    import("../kernel/debuginfo/memory-debuginfo.js"),
    import("../kernel/objects/crash-notes.js"),
  ]);
  try {
    const symbols = findSymbols(memory);
    return symbols && crashRegisters({ memory, symbols }, size);
  } catch (error) {
    // Notes are no reason to fail: pages that cannot be read are reported where they are needed.
    if (error instanceof DumpError && !saysNothingOfKernel(error)) return undefined;
    throw error;
  }
}

function withoutRegisters(cpus: number): CpuRegisters[] {
  return Array.from({ length: Math.max(1, cpus) }, () => ({ prstatus: undefined }));
}

/** A `struct elf_prstatus` of process -1, without registers. */
function absentRegisters(size: number, { machine }: Dump): Uint8Array {
  const desc = new Uint8Array(size);
  // pr_pid is behind three ints, a short and two unsigned longs.
  new DataView(desc.buffer).setInt32(16 + 2 * machine.wordSize, -1, machine.littleEndian);
  return desc;
}
