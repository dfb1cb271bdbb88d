/** POWER with either MMU, page size and byte order. */
import { big, from, little } from "./addresses.js";
import * as formats from "./formats.js";
import { AT, type MachineCase } from "./machine-image.js";

const ppc64 = {
  elfMachine: 21,
  start: 0,
  symbol: from(0xc000_0000_0000_0000n),
  sectionBits: 24,
  physBits: 51,
} as const;

/** The list vmemmap_list: a piece per 64 KiB of struct pages. */
function vmemmapList(): Pick<MachineCase, "prepare" | "lines"> {
  const linear = ppc64.symbol;
  return {
    prepare(memory, start) {
      memory.writeInteger(start + AT.variables, 8, linear(start + AT.node));
      memory.writeInteger(start + AT.variables + 8, 4, 1);
      memory.writeInteger(start + AT.variables + 0x100 + 16, 4, 16);
      const pieces = [0, 1, 2, 3];
      for (const i of pieces) {
        const at = start + AT.node + i * 24;
        memory.writeInteger(at, 8, i + 1 < pieces.length ? linear(at + 24) : 0);
        memory.writeInteger(at + 8, 8, start + AT.structs + i * 0x1_0000);
        memory.writeInteger(at + 16, 8, 0xf000_0000_0000_0000n + BigInt(i * 0x1_0000));
      }
    },
    lines: () => [
      `SYMBOL(vmemmap_list)=${linear(AT.variables).toString(16)}`,
      `SYMBOL(mmu_vmemmap_psize)=${linear(AT.variables + 8).toString(16)}`,
      `SYMBOL(mmu_psize_defs)=${linear(AT.variables + 0x100).toString(16)}`,
      "SIZE(mmu_psize_def)=16",
      "OFFSET(mmu_psize_def.shift)=0",
      "OFFSET(vmemmap_backing.list)=0",
      "OFFSET(vmemmap_backing.phys)=8",
      "OFFSET(vmemmap_backing.virt_addr)=16",
      "NUMBER(RADIX_MMU)=0",
    ],
  };
}

export const ppc64Machines: readonly MachineCase[] = [
  {
    ...little,
    ...ppc64,
    name: "ppc64le, radix, pages of 64 KiB",
    machine: "ppc64le",
    pageSize: 65536,
    tables: formats.ppc64Radix(16),
    model: "vmemmap",
    vmemmap: 0xc00c_0000_0000_0000n,
    lines: () => ["NUMBER(RADIX_MMU)=1"],
  },
  {
    ...little,
    ...ppc64,
    name: "ppc64le, radix, QEMU's big-endian headers and no note",
    machine: "ppc64le",
    headerOrder: "big",
    pageSize: 65536,
    tables: formats.ppc64Radix(16),
    model: "vmemmap",
    vmemmap: 0xc00c_0000_0000_0000n,
    lines: () => ["NUMBER(RADIX_MMU)=1"],
  },
  {
    ...big,
    ...ppc64,
    name: "ppc64, radix by the processor's features, pages of 4 KiB",
    machine: "ppc64",
    pageSize: 4096,
    tables: formats.ppc64Radix(12),
    model: "vmemmap",
    vmemmap: 0xc00c_0000_0000_0000n,
    prepare(memory, start) {
      memory.writeInteger(start + AT.variables, 8, ppc64.symbol(start + AT.node));
      memory.writeInteger(start + AT.node + 0x10, 4, 0x41);
    },
    lines: () => [
      `SYMBOL(cur_cpu_spec)=${ppc64.symbol(AT.variables).toString(16)}`,
      "OFFSET(cpu_spec.mmu_features)=16",
    ],
  },
  {
    ...little,
    ...ppc64,
    name: "ppc64le, hash, vmemmap_list",
    machine: "ppc64le",
    pageSize: 65536,
    model: "vmemmap",
    vmemmap: 0xf000_0000_0000_0000n,
    ...vmemmapList(),
  },
  {
    ...big,
    ...ppc64,
    name: "ppc64, hash, vmemmap_list",
    machine: "ppc64",
    pageSize: 4096,
    model: "vmemmap",
    vmemmap: 0xf000_0000_0000_0000n,
    ...vmemmapList(),
  },
  {
    ...big,
    ...ppc64,
    name: "ppc64, sparsemem without vmemmap",
    machine: "ppc64",
    pageSize: 65536,
    model: "sparse",
  },
];
