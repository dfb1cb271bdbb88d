import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import type { Machine } from "../reader/machine.js";
import { findVmcoreinfo, parseNotes } from "../reader/notes.js";
import { parseVmcoreinfo } from "../reader/vmcoreinfo.js";
import type { DeviceNote } from "../reader/vmcoreinfo-device.js";
import { Warnings } from "../warnings.js";

/** A VMCOREINFO text that does not come from the dump. */
export interface GivenVmcoreinfo {
  /** The text, as `-g` writes it. */
  readonly text: string;
  /** Its name in messages: a file's name. */
  readonly name: string;
}

/** The release that a given text is for. Throws `BAD_OPTION` if it is not a VMCOREINFO text. */
export function releaseOf({ text, name }: GivenVmcoreinfo, warnings: Warnings): string {
  const { osrelease, pageSize } = parseVmcoreinfo(text, warnings);
  if (osrelease !== undefined && osrelease !== "" && pageSize !== undefined) return osrelease;
  throw new DumpError("BAD_OPTION", "is not a VMCOREINFO text: it has no OSRELEASE or no PAGESIZE", {
    file: name,
    cure: "Make one with `coresieve -g FILE DUMP`",
  });
}

/** The error of a text that belongs to another kernel. */
export function wrongRelease({ name }: GivenVmcoreinfo, given: string, found: string): DumpError {
  return new DumpError("BAD_OPTION", `is of kernel ${given}, but the dump is of ${found}`, {
    subcode: "OTHER_KERNEL",
    file: name,
    cure: "Give the VMCOREINFO of the kernel that was dumped, of the same boot if it has KASLR",
  });
}

/** The dump without its VMCOREINFO notes, for another text to take their place. The other notes stay as they are. */
export function withoutVmcoreinfo(dump: Dump): Dump {
  if (findVmcoreinfo(dump.notes) === undefined) return { ...dump, vmcoreinfo: undefined };
  const kept: Uint8Array[] = [];
  let end = 0;
  for (const { name, desc, descOffset } of dump.notes) {
    const start = end;
    end = Math.min(descOffset + Math.ceil(desc.length / 4) * 4, dump.noteArea.length);
    if (name !== "VMCOREINFO") kept.push(dump.noteArea.subarray(start, end));
  }
  const noteArea = Buffer.concat([...kept, dump.noteArea.subarray(end)]);
  const notes = parseNotes(noteArea, dump.machine.littleEndian, "", new Warnings());
  return { ...dump, noteArea, notes, vmcoreinfo: undefined };
}

/**
 * Whether the note that QEMU's vmcoreinfo device points to fits a machine: it is in the machine's byte order, and has
 * no addresses longer than the machine's words. The header of a note is the same in both ELF classes, so only its
 * content shows the class.
 */
export function fitsMachine({ text, littleEndian }: DeviceNote, machine: Machine): boolean {
  if (littleEndian !== machine.littleEndian) return false;
  return machine.wordSize === 8 || !/^SYMBOL\([^)]*\)=0*[1-9a-f][0-9a-f]{8,}$/m.test(text);
}
