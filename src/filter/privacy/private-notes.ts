import type { Dump } from "../../reader/dump.js";
import { type Note, NT_PRSTATUS } from "../../reader/notes.js";

/**
 * Notes with what a CPU's floating-point and vector registers held, which is user data nearly always (text being copied,
 * keys), and dumps that drivers made of their devices. n_type by owner: include/uapi/linux/elf.h.
 */
const PRIVATE: Readonly<Record<string, readonly number[]>> = {
  // NT_PRFPREG
  CORE: [2],
  LINUX: [
    // NT_PRXFPREG, NT_X86_XSTATE, NT_VMCOREDD.
    ...[0x46e62b7f, 0x202, 0x700],
    // PowerPC: VMX, SPE, VSX, and the transactional copies of registers.
    ...[0x100, 0x101, 0x102, 0x108, 0x109, 0x10a, 0x10b],
    // s390: VXRS_LOW, VXRS_HIGH.
    ...[0x309, 0x30a],
    // ARM: VFP, SVE, SSVE, ZA, ZT, FPMR.
    ...[0x400, 0x405, 0x40b, 0x40c, 0x40d, 0x40e],
    // MIPS: MSA; RISC-V: vector; LoongArch: LSX, LASX.
    ...[0x802, 0x901, 0xa02, 0xa03],
  ],
};

/** The note area with the content of such notes overwritten by zeros, and how many there were. */
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

/** What tells user mode in pr_reg of NT_PRSTATUS: words at byte offsets of the note, and where all registers end. */
interface NoteRegisters {
  readonly at: number;
  readonly mask: bigint;
  readonly value: bigint;
  /** Pieces [from, to) to overwrite. What tells the mode stays. */
  readonly clear: readonly (readonly [number, number])[];
}

/** pr_reg begins at 112 on 64-bit machines, at 72 on 32-bit ones; its words are those of the machine's ptrace.h. */
const NOTE_REGISTERS: Readonly<Partial<Record<Dump["machine"]["arch"], NoteRegisters>>> = {
  // The privilege level in cs; cs and ss stay.
  x86_64: {
    at: 112 + 17 * 8,
    mask: 3n,
    value: 3n,
    clear: [
      [112, 112 + 17 * 8],
      [112 + 18 * 8, 112 + 20 * 8],
      [112 + 21 * 8, 112 + 23 * 8],
    ],
  },
  i386: {
    at: 72 + 13 * 4,
    mask: 3n,
    value: 3n,
    clear: [
      [72, 72 + 7 * 4],
      [72 + 11 * 4, 72 + 13 * 4],
      [72 + 14 * 4, 72 + 16 * 4],
    ],
  },
  // The exception level in pstate.
  arm64: { at: 112 + 33 * 8, mask: 0xcn, value: 0n, clear: [[112, 112 + 33 * 8]] },
  // The PSW's problem state. Access registers have the thread pointer.
  s390x: {
    at: 112,
    mask: 1n << 48n,
    value: 1n << 48n,
    clear: [[112 + 8, 112 + 16 + 16 * 8 + 16 * 4 + 8]],
  },
  // MSR_PR.
  ppc64: {
    at: 112 + 33 * 8,
    mask: 1n << 14n,
    value: 1n << 14n,
    clear: [
      [112, 112 + 33 * 8],
      [112 + 34 * 8, 112 + 39 * 8],
    ],
  },
  // User mode in cpsr.
  arm: { at: 72 + 16 * 4, mask: 0xfn, value: 0n, clear: [[72, 72 + 16 * 4]] },
};

/** struct QEMUCPUState of x86: version, size, 18 registers from rax to rflags, then the selector of cs. */
const QEMU_REGISTERS = { from: 8, to: 8 + 18 * 8, cs: 8 + 18 * 8 };

/**
 * The note area with the registers of CPUs that were in user mode overwritten by zeros, and how many CPUs that were. RISC-V's
 * notes do not tell the mode but by the program counter, which is the kernel's from `lowestAddress` on; those of MIPS, LoongArch
 * and others are left as they are.
 */
export function withoutUserRegisters(
  { notes, machine }: Pick<Dump, "notes" | "machine">,
  noteArea: Uint8Array,
  lowestAddress: bigint,
): { readonly noteArea: Uint8Array; readonly cleared: number } {
  const area = Uint8Array.from(noteArea);
  let cleared = 0;
  const { littleEndian, wordSize, arch } = machine;
  const word = (view: DataView, at: number) =>
    wordSize === 8 ? view.getBigUint64(at, littleEndian) : BigInt(view.getUint32(at, littleEndian));
  const piecesOf = ({ name, type, desc }: Note): readonly (readonly [number, number])[] => {
    const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
    if (name === "QEMU" && arch === "x86_64" && desc.length >= QEMU_REGISTERS.cs + 4) {
      const user = (view.getUint32(QEMU_REGISTERS.cs, true) & 3) === 3;
      return user ? [[QEMU_REGISTERS.from, QEMU_REGISTERS.to]] : [];
    }
    if (name !== "CORE" || type !== NT_PRSTATUS) return [];
    const known = NOTE_REGISTERS[arch];
    if (known !== undefined) {
      if (known.at + wordSize > desc.length || (word(view, known.at) & known.mask) !== known.value) return [];
      return known.clear;
    }
    const start = wordSize === 8 ? 112 : 72;
    if (arch !== "riscv64" || start + wordSize > desc.length || word(view, start) >= lowestAddress) return [];
    return [[start, desc.length]];
  };
  for (const note of notes) {
    const pieces = piecesOf(note);
    if (pieces.length > 0) cleared++;
    for (const [from, to] of pieces) {
      const end = Math.min(to, note.desc.length);
      area.fill(0, note.descOffset + from, note.descOffset + end);
    }
  }
  return { noteArea: area, cleared };
}
