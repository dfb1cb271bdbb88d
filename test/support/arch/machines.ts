/** One machine per architecture, memory model and kind of page table that coresieve knows. */
import { parseRelease, since } from "../kernel/release.js";
import { big, from, little } from "./addresses.js";
import * as formats from "./formats.js";
import { AT, type MachineCase } from "./machine-image.js";
import { machines32 } from "./machines-32.js";
import { arm64Machines } from "./machines-arm64.js";
import { ppc64Machines } from "./machines-ppc64.js";

const s390x = {
  ...big,
  elfMachine: 22,
  machine: "s390x",
  pageSize: 4096,
  start: 0,
  model: "vmemmap",
  sectionBits: 28,
  physBits: 46,
} as const;
const s390Image = from(0x3ff_e000_0000n);

const s390s: MachineCase[] = [
  {
    ...s390x,
    name: "s390x, identity, three levels, segments of 1 MiB",
    symbol: from(0n),
    tables: formats.s390x(1),
    mapLevel: 1,
    vmemmap: 0x380_0000_0000n,
  },
  {
    ...s390x,
    name: "s390x, identity, four levels, pages",
    symbol: from(0n),
    tables: formats.s390x(2),
    mapLevel: 3,
    vmemmap: 0x3e_0000_0000_0000n,
  },
  {
    ...s390x,
    name: "s390x, layouts apart by VMCOREINFO",
    symbol: s390Image,
    linear: from(0n),
    tables: formats.s390x(1),
    mapLevel: 1,
    vmemmap: 0x372_0000_0000n,
    lines: () => ["IDENTITYBASE=0", "KERNELOFFSET=3ffe0000000", "KERNELOFFPHYS=0"],
  },
  {
    ...s390x,
    name: "s390x, layouts apart by os_info",
    symbol: s390Image,
    linear: from(0n),
    tables: formats.s390x(1),
    mapLevel: 1,
    vmemmap: 0x372_0000_0000n,
    prepare(memory, start) {
      const block = start + AT.variables;
      memory.writeInteger(0xe18, 8, block);
      memory.write(block, Buffer.from("OSINFOSZ", "latin1"));
      memory.writeInteger(block + 32 + 5 * 20, 8, 0x3ff_e000_0000n);
      memory.writeInteger(block + 32 + 6 * 20, 8, 0);
    },
  },
];

function riscv(name: string, vaBits: number, bits: readonly number[], model: "vmemmap" | "flat"): MachineCase {
  const start = 0x8000_0000;
  const linear = from((1n << 64n) - (1n << BigInt(vaBits - 2)), start);
  const symbol = from(0xffff_ffff_8000_0000n, start);
  return {
    ...little,
    name,
    elfMachine: 243,
    machine: "riscv64",
    pageSize: 4096,
    start,
    symbol,
    linear,
    tables: formats.riscv(...bits),
    mapLevel: bits.length - 2,
    model,
    ...(model === "flat" ? {} : { vmemmap: (1n << 64n) - (1n << BigInt(vaBits - 1)) }),
    sectionBits: 27,
    physBits: 56,
    lines: () => [
      `NUMBER(VA_BITS)=${vaBits}`,
      `NUMBER(phys_ram_base)=${start}`,
      `NUMBER(PAGE_OFFSET)=0x${linear(start).toString(16)}`,
      `NUMBER(va_kernel_pa_offset)=0x${(symbol(start) - BigInt(start)).toString(16)}`,
    ],
  };
}

const loongarch = {
  ...little,
  elfMachine: 258,
  machine: "loongarch64",
  start: 0,
  symbol: from(0x9000_0000_0000_0000n),
  sectionBits: 29,
  physBits: 48,
} as const;
/** The empty table of the level below `level`: one page for each. */
const emptyTable = (pageShift: number) => (level: number) => BigInt(AT.empty) + (BigInt(level) << BigInt(pageShift));
/** Empty tables lead to the next one, and the last one is zeros. */
const emptyTables =
  (pageShift: number, levels: number) =>
  (memory: Parameters<NonNullable<MachineCase["prepare"]>>[0]): void => {
    for (let level = 0; level + 1 < levels; level++) {
      const next = level + 2 < levels ? 0x9000_0000_0000_0000n | emptyTable(pageShift)(level + 1) : 0n;
      const at = Number(emptyTable(pageShift)(level));
      for (let i = 0; i < 2 ** (pageShift - 3); i++) memory.writeInteger(at + 8 * i, 8, next);
    }
  };

const others: MachineCase[] = [
  ...(
    [
      [14, 3],
      [12, 4],
      [12, 3],
      [14, 2],
      [16, 3],
      [16, 2],
    ] as const
  ).map(
    ([pageShift, levels]): MachineCase => ({
      ...loongarch,
      name: `loongarch64, pages of ${2 ** (pageShift - 10)} KiB, ${levels} levels`,
      pageSize: 2 ** pageShift,
      tables: formats.loongarch(pageShift, levels, emptyTable(pageShift)),
      model: "vmemmap",
      vmemmap: (1n << 64n) - (1n << BigInt(levels * (pageShift - 3) + pageShift - 3)),
      prepare: emptyTables(pageShift, levels),
    }),
  ),
  {
    ...little,
    name: "mips64, sparsemem, symbols in CKSEG0",
    elfMachine: 8,
    machine: "mips64",
    pageSize: 16384,
    start: 0,
    symbol: from(0xffff_ffff_8000_0000n),
    linear: from(0x9800_0000_0000_0000n),
    model: "sparse",
    sectionBits: 28,
    physBits: 48,
  },
  {
    ...big,
    name: "mips64, big endian, flatmem",
    elfMachine: 8,
    machine: "mips64",
    pageSize: 4096,
    start: 0,
    symbol: from(0xa800_0000_0000_0000n),
    model: "flat",
  },
  ...([3, 4] as const).map(
    (levels): MachineCase => ({
      ...little,
      name: `ia64, discontigmem with a virtual memory map, ${levels} levels`,
      elfMachine: 50,
      machine: "ia64",
      pageSize: 16384,
      start: 0x400_0000,
      symbol: from(0xa000_0001_0000_0000n, 0x400_0000),
      linear: from(0xe000_0000_0000_0000n),
      tables: formats.ia64(14, levels),
      model: "discontig",
      vmemmap: 0xa000_0007_0000_0000n,
      lines: () => [`CONFIG_PGTABLE_${levels}=y`],
    }),
  ),
  {
    ...big,
    name: "sparc64, sparsemem with vmemmap",
    elfMachine: 43,
    machine: "sparc64",
    pageSize: 8192,
    start: 0x80_0000,
    symbol: from(0x40_0000n, 0x80_0000),
    linear: from(0xfff8_0000_0000_0000n),
    tables: formats.sparc64,
    model: "vmemmap",
    vmemmap: 0x2_0000_0000n,
    sectionBits: 30,
    physBits: 53,
  },
];

const of612: readonly MachineCase[] = [
  ...machines32,
  ...arm64Machines,
  ...s390s,
  riscv("riscv64 Sv39", 39, [9, 9, 9], "vmemmap"),
  riscv("riscv64 Sv48", 48, [9, 9, 9, 9], "vmemmap"),
  riscv("riscv64 Sv57", 57, [9, 9, 9, 9, 9], "vmemmap"),
  riscv("riscv64 Sv39, flatmem", 39, [9, 9, 9], "flat"),
  ...ppc64Machines,
  ...others,
];

/** What only some releases are like. */
const special: readonly MachineCase[] = of612.flatMap((one): MachineCase[] => {
  if (one.name === "s390x, layouts apart by VMCOREINFO") {
    return [{ ...one, name: `${one.name}, 6.13, sections of 128 MiB`, release: "6.13.0", sectionBits: 27 }];
  }
  if (one.name !== "arm64, pages of 4 KiB, 48-bit kernel on 48 bits") return [];
  return [
    { ...one, name: `${one.name}, 5.12, section size not exported`, release: "5.12.0", sectionBitsExported: false },
  ];
});

/**
 * Releases whose struct pages differ, and from and to which the machines of a kind existed as built here (names that the
 * kernel exports on arm64 since 4.12, on riscv64 since 5.13).
 */
const OTHER_RELEASES = ["3.10.0", "4.19.0", "5.15.0", "7.1.0"] as const;
const LIVED: Readonly<Record<string, readonly [first: string, last: string]>> = {
  "s390x, identity, three levels, segments of 1 MiB": ["3.10", "5.15"],
  "s390x, layouts apart by VMCOREINFO": ["6.10", "7.1"],
  "arm64, pages of 4 KiB, 48-bit kernel on 48 bits": ["5.15", "7.1"],
  "arm64, pages of 4 KiB, 48-bit kernel on 48 bits, old layout": ["4.19", "4.19"],
  "riscv64 Sv39": ["5.15", "7.1"],
  "ppc64le, radix, pages of 64 KiB": ["5.15", "7.1"],
  "ppc64le, hash, vmemmap_list": ["4.4", "6.12"],
  "ppc64, sparsemem without vmemmap": ["3.10", "4.19"],
  "loongarch64, pages of 16 KiB, 3 levels": ["6.0", "7.1"],
  "mips64, sparsemem, symbols in CKSEG0": ["3.10", "7.1"],
  "ia64, discontigmem with a virtual memory map, 3 levels": ["3.10", "5.15"],
  "sparc64, sparsemem with vmemmap": ["3.10", "7.1"],
};

/** Every machine with the struct pages of 6.12, and one or two of each kind with those of older and newer kernels. */
export const machines: readonly MachineCase[] = [...of612, ...special].flatMap((machine) => {
  const [first, last] = LIVED[machine.name] ?? ["9.0", "0.0"];
  const lived = OTHER_RELEASES.filter((text) => {
    const release = parseRelease(text);
    return since(release, first) && release.number <= parseRelease(last).number;
  });
  return [machine, ...lived.map((release) => ({ ...machine, release, name: `${machine.name}, ${release}` }))];
});
