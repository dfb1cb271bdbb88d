import { ofFile, type Warnings } from "../warnings.js";
import { fields } from "./fields.js";

/** One ELF note. */
export interface Note {
  /** Owner, without the NUL: `CORE`, `VMCOREINFO`, `QEMU`, `LINUX` … */
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
  /** Offset of `desc` in the note area, in bytes. */
  readonly descOffset: number;
}

/** CORE note with a CPU's registers (elf.h). */
export const NT_PRSTATUS = 1;
const HEADER_SIZE = 12;

/**
 * Parses the content of PT_NOTE segments. Names and descriptors are padded to 4 bytes, in ELF64 files too: the kernel
 * and QEMU write them this way, whatever the ELF64 specification says. The kernel's buffers are filled with zeros
 * behind the last note: a header of zeros is skipped. A note that runs past the end stops the scan with a warning.
 */
export function parseNotes(area: Uint8Array, littleEndian: boolean, file: string, warnings: Warnings): Note[] {
  const view = fields(area, littleEndian, file);
  const notes: Note[] = [];
  let position = 0;
  while (position + HEADER_SIZE <= area.length) {
    const nameSize = view.u32(position);
    const descSize = view.u32(position + 4);
    const type = view.u32(position + 8);
    if (nameSize === 0 && descSize === 0) {
      position += HEADER_SIZE;
      continue;
    }
    const descOffset = position + HEADER_SIZE + align4(nameSize);
    if (descOffset + descSize > area.length) {
      const what = `a note of ${nameSize} + ${descSize} bytes runs past the end of its segment; the rest was not read`;
      warnings.add("NOTE", ofFile(file, what));
      break;
    }
    const name = view.text(position + HEADER_SIZE, nameSize);
    notes.push({ name, type, desc: area.subarray(descOffset, descOffset + descSize), descOffset });
    position = descOffset + align4(descSize);
  }
  return notes;
}

/** The text of the kernel's VMCOREINFO note, if there is one. */
export function findVmcoreinfo(notes: readonly Note[]): Note | undefined {
  return notes.find((note) => note.name === "VMCOREINFO");
}

/** Notes named "Xen" that the hypervisor adds to a host's vmcore: its own facts, and the registers of a CPU (public/elfnote.h). */
const XEN_HOST_NOTES: ReadonlySet<number> = new Set([0x100_0001, 0x100_0002]);

/** Whether a dump is of a Xen host: its physical addresses are the machine's, and not those of the kernel in domain 0. */
export function isOfXenHost(notes: readonly Note[]): boolean {
  return notes.some(({ name, type }) => name === "VMCOREINFO_XEN" || (name === "Xen" && XEN_HOST_NOTES.has(type)));
}

/** How many CPUs have a note, with registers in it or without. */
export function countCpus(notes: readonly Note[]): number {
  return notes.filter(isCpus).length;
}

/**
 * Of how many CPUs a note has registers. Those that a kdump output gets for want of any have none, nor do those that `--privacy` cleared: there all bytes
 * behind what `struct elf_prstatus` has of the process (three ints, a short, two unsigned longs, four ints, four times of two longs) are zeros.
 */
export function countRegisters(notes: readonly Note[], wordSize: number): number {
  return notes.filter((note) => isCpus(note) && note.desc.subarray(32 + 10 * wordSize).some((byte) => byte !== 0))
    .length;
}

function isCpus({ name, type }: Note): boolean {
  return name === "CORE" && type === NT_PRSTATUS;
}

/** Without bit operations: sizes are unsigned 32 bits, and a negative size would move the scan backwards. */
function align4(n: number): number {
  return Math.ceil(n / 4) * 4;
}
