/** The machines of 32 bits. */
import { from, GIB } from "./addresses.js";
import * as formats from "./formats.js";
import type { MachineCase } from "./machine-image.js";

const i386 = { elfMachine: 3, wordSize: 4, byteOrder: "little", machine: "i686", pageSize: 4096, start: 0 } as const;
const arm = { elfMachine: 40, wordSize: 4, byteOrder: "little", machine: "armv7l", pageSize: 4096 } as const;

export const machines32: readonly MachineCase[] = [
  {
    ...i386,
    name: "i386, sparsemem static, memory in pages of 4 MiB",
    tables: formats.i386,
    mapLevel: 0,
    symbol: from(0xc000_0000n),
    model: "static",
    sectionBits: 26,
    physBits: 32,
  },
  {
    ...i386,
    name: "i386, flatmem, user memory of 2 GiB",
    tables: formats.i386,
    mapLevel: 1,
    symbol: from(0x8000_0000n),
    model: "flat",
  },
  {
    ...i386,
    name: "i386 PAE, sparsemem static",
    tables: formats.i386Pae,
    mapLevel: 1,
    symbol: from(0xc000_0000n),
    model: "static",
    sectionBits: 29,
    physBits: 36,
    lines: () => ["CONFIG_X86_PAE=y"],
  },
  {
    ...arm,
    name: "arm, flatmem, memory in sections",
    start: GIB,
    tables: formats.armShort,
    mapLevel: 0,
    symbol: from(0xc000_0000n, GIB),
    model: "flat",
  },
  {
    ...arm,
    name: "arm, sparsemem static, memory in small pages",
    start: 2 * GIB,
    tables: formats.armShort,
    mapLevel: 1,
    symbol: from(0x8000_0000n, 2 * GIB),
    model: "static",
    sectionBits: 28,
    physBits: 36,
  },
  {
    ...arm,
    name: "arm LPAE, flatmem",
    start: 2 * GIB,
    tables: formats.armLpae,
    mapLevel: 1,
    symbol: from(0xc000_0000n, 2 * GIB),
    model: "flat",
    lines: () => ["CONFIG_ARM_LPAE=y"],
  },
  {
    name: "mips, flatmem",
    elfMachine: 8,
    wordSize: 4,
    byteOrder: "big",
    machine: "mips",
    pageSize: 4096,
    start: 0,
    symbol: from(0x8000_0000n),
    model: "flat",
  },
  {
    name: "ppc32, flatmem",
    elfMachine: 20,
    wordSize: 4,
    byteOrder: "big",
    machine: "ppc",
    pageSize: 4096,
    start: 0,
    symbol: from(0xc000_0000n),
    model: "flat",
  },
];
