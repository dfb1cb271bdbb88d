/** ELF notes: the byte form shared by ELF dumps and kdump files, and the notes a Linux dump carries. */

import { asciiBytes, ByteBuffer, type ByteOrder } from "./bytes.js";

/** One note. `name` gets its closing NUL here; an empty name has size 0. */
export interface Note {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** Notes as bytes: 12-byte header, name and description each padded to 4 bytes (in 64-bit files too). */
export function encodeNotes(notes: readonly Note[], byteOrder: ByteOrder): Uint8Array {
  const out = new ByteBuffer(byteOrder);
  for (const note of notes) {
    const nameSize = note.name === "" ? 0 : note.name.length + 1;
    out.u32(nameSize).u32(note.desc.length).u32(note.type);
    out.text(note.name, nameSize).align(4);
    out.bytes(note.desc).align(4);
  }
  return out.toBytes();
}

/** Where the description of the first note of that name lies within the encoded notes. */
export function findNoteDesc(
  notes: readonly Note[],
  name: string,
): { readonly offset: number; readonly size: number } | undefined {
  let at = 0;
  for (const note of notes) {
    const nameSize = note.name === "" ? 0 : note.name.length + 1;
    const offset = at + 12 + roundUp4(nameSize);
    if (note.name === name) {
      return { offset, size: note.desc.length };
    }
    at = offset + roundUp4(note.desc.length);
  }
  return undefined;
}

function roundUp4(value: number): number {
  return (value + 3) & ~3;
}

/** The VMCOREINFO note of a text. */
export function vmcoreinfoNote(text: string): Note {
  return { name: "VMCOREINFO", type: 0, desc: asciiBytes(text) };
}

/** An NT_PRSTATUS note of a 64-bit little-endian machine: pid at 32, registers from 112 on; 336 bytes on x86-64. */
export function prstatusNote(pid: number, registers: readonly bigint[] = [], size = 336): Note {
  const desc = new ByteBuffer("little", size);
  desc.seek(32).u32(pid).seek(112);
  for (const register of registers) {
    desc.u64(register);
  }
  return { name: "CORE", type: 1, desc: padTo(desc.toBytes(), size) };
}

/** A "QEMU" note of x86-64: version 1, size 440, everything else zero. */
export function qemuNote(): Note {
  return { name: "QEMU", type: 0, desc: padTo(new ByteBuffer("little").u32(1).u32(440).toBytes(), 440) };
}

function padTo(bytes: Uint8Array, size: number): Uint8Array {
  const padded = new Uint8Array(size);
  padded.set(bytes.subarray(0, size));
  return padded;
}
