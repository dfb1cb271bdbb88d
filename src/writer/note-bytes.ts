import type { Note } from "../reader/notes.js";
import { structWriter } from "./struct-writer.js";

/** Sizes of name and descriptor, and the type. */
export const NOTE_HEADER_SIZE = 12;

/** An ELF note: names and descriptors are padded to 4 bytes. */
export function noteBytes(note: Pick<Note, "name" | "type" | "desc">, littleEndian: boolean): Uint8Array {
  const nameSize = note.name.length + 1;
  const padded = Math.ceil(nameSize / 4) * 4;
  const out = structWriter(NOTE_HEADER_SIZE + padded + Math.ceil(note.desc.length / 4) * 4, littleEndian, 8);
  out.u32(0, nameSize);
  out.u32(4, note.desc.length);
  out.u32(8, note.type);
  out.text(NOTE_HEADER_SIZE, nameSize, note.name);
  out.bytes.set(note.desc, NOTE_HEADER_SIZE + padded);
  return out.bytes;
}
