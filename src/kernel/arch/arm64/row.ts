import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE64, type UserFrame } from "../registers.js";
import { findArm64Space, rescueArm64 } from "./find.js";
import { arm64Relocations } from "./relocation.js";
import { type Arm64Space, arm64AddressSpace } from "./space.js";

/** 64-bit ARM. */
export const ARM64: ArchSupport<Arm64Space> = {
  find: findArm64Space,
  rescue: rescueArm64,
  attach: arm64AddressSpace,
  wholeAddress: (address, bits) => address | ((1n << 64n) - (1n << BigInt(bits))),
  stack: (version) => ({ bytes: 16384, hasThreadInfo: version < kernelVersion(4, 10) }),
  userFrame: arm64Frame,
  // The exception level is in pstate.
  noteRegisters: [
    { owner: "CORE", at: NOTE64 + 33 * 8, user: { mask: 0xcn, value: 0n }, clear: [[NOTE64, NOTE64 + 33 * 8]] },
  ],
  noteStackPointer: NOTE64 + 31 * 8,
  vectorRegisters: {
    // SVE, SSVE, ZA, ZT, FPMR.
    notes: [0x405, 0x40b, 0x40c, 0x40d, 0x40e],
    // 4.16 and later, before.
    saved: [{ member: "thread.uw" }, { member: "thread.fpsimd_state" }],
  },
  relocations: arm64Relocations,
};

/** All but pstate, the number of the system call, and the frame record that ends a backtrace. */
function arm64Frame(version: number): UserFrame {
  const sizes = [
    [kernelVersion(5, 10), 336],
    [kernelVersion(4, 14), 320],
    [kernelVersion(4, 7), 304],
    [0, 288],
  ] as const;
  return {
    sizes: sizes
      .filter(([since]) => version >= since)
      .map(([, size]) => size)
      .slice(0, 1),
    pads: [0],
    align: 16,
    clear: [
      [0, 264],
      [272, 280],
    ],
  };
}
