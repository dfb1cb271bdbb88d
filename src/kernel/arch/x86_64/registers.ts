import { NOTE64, type NoteRegisters, type UserFrame, type VectorRegisters } from "../registers.js";

/**
 * Segment selectors are kept: their two lowest bits are the privilege level. With FRED (6.9) 16 bytes lie above the
 * frame.
 */
export const X86_64_FRAME: UserFrame = {
  sizes: [168],
  pads: [0, 16],
  align: 1,
  clear: [
    [0, 136],
    [144, 160],
  ],
  user: [136, 160].map((at) => ({ at, width: 4, mask: 3n, value: 3n })),
};

export const X86_64_NOTES: readonly NoteRegisters[] = [
  // The privilege level is in cs; cs and ss are kept.
  {
    owner: "CORE",
    at: NOTE64 + 17 * 8,
    user: { mask: 3n, value: 3n },
    clear: [
      [NOTE64, NOTE64 + 17 * 8],
      [NOTE64 + 18 * 8, NOTE64 + 20 * 8],
      [NOTE64 + 21 * 8, NOTE64 + 23 * 8],
    ],
  },
  // struct QEMUCPUState: version, size, 18 registers from rax to rflags, then the selector of cs.
  { owner: "QEMU", at: 8 + 18 * 8, width: 4, user: { mask: 3n, value: 3n }, clear: [[8, 8 + 18 * 8]] },
];

/** Also used by 32-bit kernels. */
export const X86_VECTORS: VectorRegisters = {
  // NT_PRXFPREG, NT_X86_XSTATE.
  notes: [0x46e62b7f, 0x202],
  saved: [
    // 5.16 to 6.15, 4.2 to 5.15.
    { member: "thread.fpu.__fpstate.regs", toTheEnd: true },
    { member: "thread.fpu.state", toTheEnd: true },
    // Since 6.16.
    { member: "__fpstate.regs", behindTask: "fpu", toTheEnd: true },
  ],
};
