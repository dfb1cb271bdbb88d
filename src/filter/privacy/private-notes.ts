import type { Dump } from "../../reader/dump.js";

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
