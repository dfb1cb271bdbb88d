/** Entries that the built machines do not have: large pages of every size, and addresses above 48 bits. */
import { describe, expect, test } from "vitest";
import { attachSpace, type SpaceImage } from "../../../src/kernel/arch/archs.js";
import type { PhysicalMemory } from "../../../src/reader/physical-memory.js";
import * as formats from "../../support/arch/formats.js";
import { PageTables, type TableFormat } from "../../support/arch/tables.js";
import { PhysicalMemory as BuiltMemory } from "../../support/memory.js";

const ROOT = 0x10_0000;
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Tables in a memory that reads as zero elsewhere. */
function tablesOf(format: TableFormat) {
  const built = new BuiltMemory(format.byteOrder);
  let next = ROOT + MIB;
  const allocate = (bytes: number) => {
    const at = Math.ceil(next / Math.max(bytes, 4096)) * Math.max(bytes, 4096);
    next = at + bytes;
    return at;
  };
  const memory: PhysicalMemory = {
    read(into, paddr) {
      into.set(built.read(paddr, into.length));
      return into.length;
    },
    next: (paddr) => paddr,
  };
  return { memory, built, tables: new PageTables(built, format, ROOT, allocate) };
}

function translate(image: SpaceImage, memory: PhysicalMemory, vaddr: bigint) {
  return attachSpace(image, memory).translate(vaddr);
}

interface Case {
  readonly name: string;
  readonly image: SpaceImage;
  readonly format: TableFormat;
  /** Level whose pages are mapped. */
  readonly level: number;
  readonly size: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
}

const arm64 = (pageShift: number, vaBits: number, format: "48" | "lpa" | "lpa2"): SpaceImage => ({
  arch: "arm64",
  root: ROOT,
  pageShift,
  vaBits,
  format,
});
const radix = (pageShift: number): SpaceImage => ({ arch: "ppc64", maps: [], radix: { root: ROOT, pageShift } });
const riscv = (vaBits: number): SpaceImage => ({ arch: "riscv64", root: ROOT, vaBits });
const HIGH = 0xa_0000_0000_0000n;
const loongarch = formats.loongarch(14, 3, () => 0n);
const armShort: SpaceImage = { arch: "arm", root: ROOT, lpae: false, pageOffset: 0n, physOffset: 0 };
const armLpae: SpaceImage = { ...armShort, lpae: true };
const i386 = (pae: boolean): SpaceImage => ({ arch: "i386", root: ROOT, pae, pageOffset: 0n });

const cases: readonly Case[] = [
  ["arm64 4K: 1 GiB", arm64(12, 48, "48"), formats.arm64(12, false, 9, 9, 9, 9), 1, GIB, 0xffff_8000_4000_0000n, 1n],
  [
    "arm64 4K: 2 MiB",
    arm64(12, 48, "48"),
    formats.arm64(12, false, 9, 9, 9, 9),
    2,
    2 * MIB,
    0xffff_8000_0020_0000n,
    3n,
  ],
  [
    "arm64 16K: 32 MiB",
    arm64(14, 47, "48"),
    formats.arm64(14, false, 11, 11, 11),
    1,
    32 * MIB,
    0xffff_c000_0200_0000n,
    5n,
  ],
  [
    "arm64 64K: 512 MiB",
    arm64(16, 48, "lpa"),
    formats.arm64(16, true, 6, 13, 13),
    1,
    512 * MIB,
    0xffff_0000_2000_0000n,
    7n,
  ],
  [
    "arm64 64K, bits 48 to 51",
    arm64(16, 52, "lpa"),
    formats.arm64(16, true, 10, 13, 13),
    2,
    64 * KIB,
    0xfff0_0000_0001_0000n,
    HIGH / 65536n,
  ],
  [
    "arm64 4K, bits 48 to 51",
    arm64(12, 52, "lpa2"),
    formats.arm64(12, true, 4, 9, 9, 9, 9),
    4,
    4096,
    0xfff0_0000_0000_f000n,
    HIGH / 4096n + 0xfn,
  ],
  [
    "arm64 16K, bits 48 to 51",
    arm64(14, 52, "lpa2"),
    formats.arm64(14, true, 5, 11, 11, 11),
    3,
    16 * KIB,
    0xfff0_0000_0000_c000n,
    HIGH / 16384n + 3n,
  ],
  ["riscv Sv39: 1 GiB", riscv(39), formats.riscv(9, 9, 9), 0, GIB, 0xffff_ffc0_0000_0000n, 2n],
  ["riscv Sv57: 512 GiB", riscv(57), formats.riscv(9, 9, 9, 9, 9), 1, 512 * GIB, 0xff60_0000_0000_0000n, 1n],
  [
    "riscv, 56-bit address",
    riscv(48),
    formats.riscv(9, 9, 9, 9),
    3,
    4096,
    0xffff_8000_0000_1000n,
    (1n << 52n) / 4096n - 1n,
  ],
  ["ppc64 radix 64K: 2 MiB", radix(16), formats.ppc64Radix(16), 2, 2 * MIB, 0xc00c_0000_0020_0000n, 9n],
  ["ppc64 radix 4K: 1 GiB", radix(12), formats.ppc64Radix(12), 1, GIB, 0xc008_0000_4000_0000n, 3n],
  ["s390x: 2 GiB", { arch: "s390x", root: ROOT, topType: 2 }, formats.s390x(2), 1, 2 * GIB, 0x1_8000_0000n, 4n],
  [
    "loongarch64: 32 MiB",
    { arch: "loongarch64", root: ROOT, pageShift: 14, levels: 3 },
    loongarch,
    1,
    32 * MIB,
    0xffff_8000_0200_0000n,
    6n,
  ],
  ["sparc64: 8 MiB", { arch: "sparc64", root: ROOT, kernelStart: 0 }, formats.sparc64, 2, 8 * MIB, 0x2_0080_0000n, 5n],
  ["i386: 4 MiB", i386(false), formats.i386, 0, 4 * MIB, 0xc040_0000n, 2n],
  ["i386 PAE: 2 MiB above 4 GiB", i386(true), formats.i386Pae, 1, 2 * MIB, 0xc020_0000n, 0x801n],
  ["arm: section of 1 MiB", armShort, formats.armShort, 0, MIB, 0xc010_0000n, 0x401n],
  ["arm LPAE: 2 MiB above 4 GiB", armLpae, formats.armLpae, 1, 2 * MIB, 0xc020_0000n, 0x1001n],
].map((row) => {
  const [name, image, format, level, size, vaddr, number] = row as [
    string,
    SpaceImage,
    TableFormat,
    number,
    number,
    bigint,
    bigint,
  ];
  return { name, image, format, level, size, vaddr, paddr: number * BigInt(size) };
});

describe("pages of each size", () => {
  test.each(cases)("$name", ({ image, format, level, size, vaddr, paddr }) => {
    const { memory, tables } = tablesOf(format);
    tables.map(vaddr, paddr, level);
    expect(translate(image, memory, vaddr)).toEqual({ paddr: Number(paddr), length: size });
    const last = BigInt(size) - 8n;
    expect(translate(image, memory, vaddr + last)).toEqual({ paddr: Number(paddr + last), length: 8 });
    expect(translate(image, memory, vaddr + BigInt(size))).toBeUndefined();
  });
});

describe("entries by hand", () => {
  test("i386: a page of 4 MiB with physical bits 32 to 39 in bits 13 to 20", () => {
    const { memory, built } = tablesOf(formats.i386);
    built.writeInteger(ROOT + 0x301 * 4, 4, 0x0040_0000 | (0x12 << 13) | 0xe3);
    expect(translate(i386(false), memory, 0xc040_0010n)?.paddr).toBe(0x12_0040_0010);
  });

  test("arm: a supersection of 16 MiB with physical bits 32 to 39, and a page of 64 KiB", () => {
    const { memory, built } = tablesOf(formats.armShort);
    // Sixteen equal entries; each says the same.
    for (let i = 0; i < 16; i++) {
      built.writeInteger(ROOT + (0xc10 + i) * 4, 4, 0x4200_0000 | (0x3 << 20) | (1 << 18) | (0x5 << 5) | 2);
    }
    const within = 0x0012_3450;
    expect(translate(armShort, memory, BigInt(0xc100_0000 + within))).toEqual({
      paddr: 0x53_4200_0000 + within,
      length: 16 * MIB - within,
    });
    built.writeInteger(ROOT + 0xc30 * 4, 4, 0x30_0001);
    for (let i = 0; i < 16; i++) built.writeInteger(0x30_0000 + (0x20 + i) * 4, 4, 0x4321_0001);
    expect(translate(armShort, memory, 0xc302_8004n)).toEqual({ paddr: 0x4321_8004, length: 0x7ffc });
  });

  test("riscv: sixteen pages as one of 64 KiB (Svnapot)", () => {
    const { memory, built, tables } = tablesOf(formats.riscv(9, 9, 9));
    tables.map(0xffff_ffc0_0001_0000n, 0x8_0000);
    const leaf = [...Array(512).keys()]
      .map((i) => ROOT + MIB + 4096 + i * 8)
      .find((at) => built.readInteger(at, 8) !== 0n);
    built.writeInteger(leaf as number, 8, (1n << 63n) | (BigInt(0x80 + 8) << 10n) | 0xe7n);
    expect(translate(riscv(39), memory, 0xffff_ffc0_0001_0040n)).toEqual({ paddr: 0x8_0040, length: 64 * KIB - 0x40 });
  });

  test("arm64: a block entry in the bottom level maps nothing", () => {
    const format = formats.arm64(12, false, 9, 9, 9, 9);
    const { memory, tables } = tablesOf({ ...format, page: (paddr) => paddr | 1n });
    tables.map(0xffff_8000_0000_0000n, 0x8_0000);
    expect(translate(arm64(12, 48, "48"), memory, 0xffff_8000_0000_0000n)).toBeUndefined();
  });

  test("s390x: an entry of another table's type maps nothing", () => {
    const format = formats.s390x(1);
    const { memory, tables } = tablesOf({ ...format, table: (paddr) => paddr | 0xcn });
    tables.map(0x1000n, 0x8000);
    expect(translate({ arch: "s390x", root: ROOT, topType: 1 }, memory, 0x1000n)).toBeUndefined();
  });
});
