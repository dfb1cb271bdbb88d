import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE64, type UserFrame } from "../registers.js";
import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";
import { findArm64Space, rescueArm64 } from "./find.js";
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
    saved: [
      ...[{ member: "thread.uw" }, { member: "thread.fpsimd_state" }],
      // The kernel's own, of ciphers: 6.8 to 6.18.
      { member: "thread.kernel_fpsimd_state" },
    ],
    // SVE; SME, until 6.3 `za_state`.
    apart: ["thread.sve_state", "thread.sme_state", "thread.za_state"],
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

/**
 * VA_BITS is a constant of the build. The image is linked 2^(VA_BITS - 1) bytes below the top (2^VA_BITS before 5.4; 52
 * bits count as 48), and T1SZ is the number of bits that the kernel runs with. All combinations that are possible are
 * returned, to be tried.
 */
function arm64Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
  const offset = image.integer("kimage_voffset", 8) ?? wrap(address - paddr);
  const shift = wrap(paddr + offset - address);
  const memstart = image.integer("memstart_addr", 8);
  const linked = (1n << 64n) - address;
  const near = (bits: number) => linked <= 1n << BigInt(bits) && linked > 1n << BigInt(bits - 2);
  const built = [48, 39, 47, 42, 36].filter(near);
  const actual = image.integer("vabits_actual", 8);
  const pairs = built.map((bits) => [bits, bits] as [number, number]);
  if (built.includes(48)) pairs.push([52, 52], [52, 48]);
  if (built.includes(47)) pairs.push([52, 47]);
  const fitting = pairs.filter(([, runs]) => actual === undefined || actual === BigInt(runs));
  return (fitting.length > 0 ? fitting : pairs).map(([vaBits, runs]) => ({
    shift,
    items: [
      `NUMBER(VA_BITS)=${vaBits}`,
      `NUMBER(kimage_voffset)=0x${hexOf(offset)}`,
      ...(memstart === undefined ? [] : [`NUMBER(PHYS_OFFSET)=0x${hexOf(memstart)}`]),
      `NUMBER(TCR_EL1_T1SZ)=0x${(64 - runs).toString(16)}`,
      `KERNELOFFSET=${hexOf(shift)}`,
    ],
  }));
}
