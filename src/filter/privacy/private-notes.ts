import { allSupport, archSupport } from "../../kernel/arch/archs.js";
import type { NoteRegisters } from "../../kernel/arch/registers.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import type { Machine } from "../../reader/machine.js";
import { type Note, NT_PRSTATUS } from "../../reader/notes.js";

/**
 * Notes with the content of a CPU's floating-point and vector registers, which is nearly always user data (text being
 * copied, keys), and dumps that drivers made of their devices. n_type by owner: include/uapi/linux/elf.h.
 */
const PRIVATE: Readonly<Record<string, readonly number[]>> = {
  // NT_PRFPREG
  CORE: [2],
  // NT_VMCOREDD, and those of all machines: a number has one meaning.
  LINUX: [0x700, ...allSupport().flatMap(({ vectorRegisters }) => vectorRegisters?.notes ?? [])],
};

/** The note area with the content of such notes overwritten by zeros, and their number. */
export function withoutPrivateNotes({ noteArea, notes }: Pick<Dump, "noteArea" | "notes">): {
  readonly noteArea: Uint8Array;
  readonly cleared: number;
} {
  const found = notes.filter(({ name, type, desc }) => desc.length > 0 && PRIVATE[name]?.includes(type));
  if (found.length === 0) return { noteArea, cleared: 0 };
  const area = Uint8Array.from(noteArea);
  for (const { descOffset, desc } of found) area.fill(0, descOffset, descOffset + desc.length);
  return { noteArea: area, cleared: found.length };
}

/**
 * The note area with the registers of CPUs that were in user mode overwritten by zeros, and the number of these CPUs.
 * `lowestAddress` is the kernel's. Notes of machines without `noteRegisters` (MIPS, LoongArch and others) are not
 * changed.
 */
export function withoutUserRegisters(
  { notes, machine }: Pick<Dump, "notes" | "machine">,
  noteArea: Uint8Array,
  lowestAddress: bigint,
): { readonly noteArea: Uint8Array; readonly cleared: number } {
  const area = Uint8Array.from(noteArea);
  const known = archSupport(machine.arch)?.noteRegisters ?? [];
  let cleared = 0;
  for (const note of notes) {
    const registers = known.find((one) => isOf(note, one));
    if (registers === undefined || !inUserMode(note, registers, machine, lowestAddress)) continue;
    cleared++;
    for (const [from, to] of registers.clear) {
      const end = Math.min(to, note.desc.length);
      area.fill(0, note.descOffset + from, note.descOffset + end);
    }
  }
  return { noteArea: area, cleared };
}

function isOf({ name, type }: Note, { owner }: NoteRegisters): boolean {
  return name === owner && (owner !== "CORE" || type === NT_PRSTATUS);
}

/** Whether a CPU was in user mode, according to its note. */
export function inUserMode(
  { desc }: Pick<Note, "desc">,
  { at, width, user }: NoteRegisters,
  { wordSize, littleEndian }: Machine,
  lowestAddress: bigint,
): boolean {
  const bytes = width ?? wordSize;
  if (at + bytes > desc.length) return false;
  const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
  const word = wordAt(view, at, bytes, littleEndian);
  return user === "below-kernel" ? word < lowestAddress : (word & user.mask) === user.value;
}
