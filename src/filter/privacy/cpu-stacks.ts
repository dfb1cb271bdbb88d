import { archSupport } from "../../kernel/arch/archs.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { NT_PRSTATUS } from "../../reader/notes.js";

/** The stack pointers in the CPUs' notes, if the machine's registers are known. */
export function savedStackPointers({ notes, machine }: Pick<Dump, "notes" | "machine">): bigint[] {
  const at = archSupport(machine.arch)?.noteStackPointer;
  if (at === undefined) return [];
  return notes
    .filter(({ name, type, desc }) => name === "CORE" && type === NT_PRSTATUS && desc.length >= at + machine.wordSize)
    .map(({ desc }) => {
      const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
      return wordAt(view, at, machine.wordSize, machine.littleEndian);
    });
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
