import type { Dump } from "../reader/dump.js";
import { type Note, NT_PRSTATUS, parseNotes } from "../reader/notes.js";
import { Warnings } from "../warnings.js";

/**
 * `struct elf_prstatus` of ppc64 as (offset, size, count) of its integers: signal, pending masks, process ids, times,
 * registers, flag. It is the only struct that QEMU writes in its headers' byte order and that debuggers read in the
 * memory's byte order.
 */
const PRSTATUS64: readonly (readonly [number, number, number])[] = [
  [0, 4, 3],
  [12, 2, 1],
  [16, 8, 2],
  [32, 4, 4],
  [48, 8, 8],
  [112, 8, 48],
  [496, 4, 1],
];
const PRSTATUS64_SIZE = 504;
const NT_PRFPREG = 2;
const HEADER = 12;

/** The note area in the other byte order: headers and the registers whose format is known. Texts stay as they are. */
export function reorderNotes(dump: Dump, littleEndian: boolean): Pick<Dump, "noteArea" | "notes"> {
  const area = Uint8Array.from(dump.noteArea);
  for (const note of dump.notes) {
    const nameSize = Math.ceil((note.name.length + 1) / 4) * 4;
    swap(area, note.descOffset - nameSize - HEADER, 4, 3);
    swapRegisters(area, note);
  }
  return { noteArea: area, notes: parseNotes(area, littleEndian, dump.paths[0] ?? "", new Warnings()) };
}

function swapRegisters(area: Uint8Array, { name, type, desc, descOffset }: Note): void {
  if (name !== "CORE") return;
  if (type === NT_PRSTATUS && desc.length === PRSTATUS64_SIZE) {
    for (const [offset, size, count] of PRSTATUS64) swap(area, descOffset + offset, size, count);
  }
  if (type === NT_PRFPREG) swap(area, descOffset, 8, Math.floor(desc.length / 8));
}

function swap(area: Uint8Array, offset: number, size: number, count: number): void {
  for (let i = 0; i < count; i++) area.subarray(offset + i * size, offset + (i + 1) * size).reverse();
}
