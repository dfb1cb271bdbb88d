import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE32 } from "../registers.js";
import { type ArmSpace, armAddressSpace, findArmSpace, rescueArm } from "./space.js";

/** 32-bit ARM. */
export const ARM: ArchSupport<ArmSpace> = {
  find: findArmSpace,
  rescue: rescueArm,
  attach: armAddressSpace,
  // Directly below the direct map, up to 16 MiB. If that is full, modules go to the vmalloc area.
  modules: ({ pageOffset }) => ({ start: pageOffset - (1n << 24n), end: pageOffset, mayOverflow: true }),
  stack: (version) => ({ bytes: 8192, hasThreadInfo: version < kernelVersion(5, 18) }),
  userFrame: () => ({
    sizes: [72],
    pads: [8],
    align: 4,
    clear: [
      [0, 64],
      [68, 72],
    ],
  }),
  // The mode is in cpsr.
  noteRegisters: [
    { owner: "CORE", at: NOTE32 + 16 * 4, user: { mask: 0xfn, value: 0n }, clear: [[NOTE32, NOTE32 + 16 * 4]] },
  ],
  noteStackPointer: NOTE32 + 13 * 4,
  vectorRegisters: {
    // VFP.
    notes: [0x400],
    saved: [{ member: "thread_info.vfpstate" }, { member: "thread_info.fpstate" }],
  },
};
