import type { Dump } from "../../reader/dump.js";
import type { Arch } from "../../reader/machine.js";
import { NT_PRSTATUS } from "../../reader/notes.js";

/** Where pr_reg begins in struct elf_prstatus, and where in it the stack pointer is, in bytes (ptrace.h of each machine). */
const STACK_POINTER: Readonly<Partial<Record<Arch, number>>> = {
  x86_64: 112 + 19 * 8,
  arm64: 112 + 31 * 8,
  // Behind the PSW, of 16 bytes.
  s390x: 112 + 16 + 15 * 8,
  riscv64: 112 + 2 * 8,
  ppc64: 112 + 1 * 8,
  loongarch64: 112 + 3 * 8,
  mips64: 112 + 29 * 8,
  i386: 72 + 15 * 4,
  arm: 72 + 13 * 4,
};

/** The stack pointers that the CPUs saved, as far as the machine's registers are known. */
export function savedStackPointers({ notes, machine }: Pick<Dump, "notes" | "machine">): bigint[] {
  const at = STACK_POINTER[machine.arch];
  if (at === undefined) return [];
  return notes
    .filter(({ name, type, desc }) => name === "CORE" && type === NT_PRSTATUS && desc.length >= at + machine.wordSize)
    .map(({ desc }) => {
      const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
      return machine.wordSize === 8
        ? view.getBigUint64(at, machine.littleEndian)
        : BigInt(view.getUint32(at, machine.littleEndian));
    });
}
