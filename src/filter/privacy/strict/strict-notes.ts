import { archSupport } from "../../../kernel/arch/archs.js";
import type { Dump } from "../../../reader/dump.js";
import { wordAt } from "../../../reader/fields.js";
import { NT_PRSTATUS } from "../../../reader/notes.js";
import { type KernelWords, wordTest } from "./kernel-words.js";

/**
 * The note area with words of CPUs' registers overwritten by zeros that are neither a kernel address nor a small
 * number: a CPU in the kernel may have data of a copy in them. All of NT_PRSTATUS (the rest of it is small), and the
 * general registers of QEMU's notes.
 */
export function strictNotes(
  { notes, machine }: Pick<Dump, "notes" | "machine">,
  noteArea: Uint8Array,
  words: KernelWords,
): { readonly noteArea: Uint8Array; readonly cleared: number } {
  const area = Uint8Array.from(noteArea);
  const bytes = new DataView(area.buffer);
  const known = archSupport(machine.arch)?.noteRegisters ?? [];
  const test = wordTest(words);
  const { wordSize, littleEndian } = machine;
  let cleared = 0;
  for (const { name, type, desc, descOffset } of notes) {
    const pieces =
      name === "CORE" && type === NT_PRSTATUS
        ? [[0, desc.length] as const]
        : known.filter(({ owner }) => owner === name && owner !== "CORE").flatMap(({ clear }) => clear);
    let changed = false;
    for (const [from, to] of pieces) {
      for (let at = from; at + wordSize <= Math.min(to, desc.length); at += wordSize) {
        const word = wordAt(bytes, descOffset + at, wordSize, littleEndian);
        if (test(Number(word >> 32n), Number(word & 0xffff_ffffn))) continue;
        area.fill(0, descOffset + at, descOffset + at + wordSize);
        changed = true;
      }
    }
    if (changed) cleared++;
  }
  return { noteArea: area, cleared };
}
