/** arm64 with every page size and address width. */
import { from, GIB, little } from "./addresses.js";
import * as formats from "./formats.js";
import type { MachineCase } from "./machine-image.js";

/** VA bits the kernel was built for and runs with, and bits per level. `old`: the layout before 5.4. */
function arm64(
  pageShift: number,
  built: number,
  runs: number,
  bits: readonly number[],
  more: Partial<MachineCase> & { old?: boolean; wide?: boolean } = {},
): MachineCase {
  const { old, wide, ...rest } = more;
  const start = GIB;
  const top = (1n << 64n) - (1n << BigInt(runs));
  const half = 1n << BigInt(runs - 1);
  // The linear map is the lower half since 5.4, the upper one before; the image is in the other.
  const linear = from(old === true ? top + half : top, start);
  const symbol = from((old === true ? top : top + half) + 0x1000_0000n, start);
  return {
    ...little,
    name: `arm64, pages of ${2 ** (pageShift - 10)} KiB, ${built}-bit kernel on ${runs} bits${old ? ", old layout" : ""}`,
    elfMachine: 183,
    machine: "aarch64",
    pageSize: 2 ** pageShift,
    start,
    symbol,
    linear,
    tables: formats.arm64(pageShift, wide ?? false, ...bits),
    mapLevel: bits.length - 1,
    model: "vmemmap",
    vmemmap: (1n << 64n) - (1n << BigInt(runs - 3)),
    sectionBits: pageShift === 16 ? 29 : 27,
    physBits: wide ? 52 : 48,
    lines: () => [
      `NUMBER(VA_BITS)=${built}`,
      `NUMBER(kimage_voffset)=0x${(symbol(start) - BigInt(start)).toString(16)}`,
      `NUMBER(PHYS_OFFSET)=0x${start.toString(16)}`,
      ...(old === true ? [] : [`NUMBER(TCR_EL1_T1SZ)=0x${(64 - runs).toString(16)}`]),
    ],
    ...rest,
  };
}

export const arm64Machines: readonly MachineCase[] = [
  arm64(12, 39, 39, [9, 9, 9]),
  arm64(12, 48, 48, [9, 9, 9, 9]),
  arm64(12, 52, 52, [4, 9, 9, 9, 9], { wide: true }),
  arm64(12, 52, 48, [9, 9, 9, 9]),
  arm64(12, 48, 48, [9, 9, 9, 9], { old: true, sectionBits: 30 }),
  arm64(14, 36, 36, [11, 11]),
  arm64(14, 47, 47, [11, 11, 11]),
  arm64(14, 48, 48, [1, 11, 11, 11]),
  arm64(14, 52, 52, [5, 11, 11, 11], { wide: true }),
  arm64(14, 52, 47, [11, 11, 11]),
  arm64(16, 42, 42, [13, 13]),
  arm64(16, 48, 48, [6, 13, 13]),
  arm64(16, 52, 52, [10, 13, 13], { wide: true }),
  arm64(16, 52, 48, [10, 13, 13], { wide: true }),
];
