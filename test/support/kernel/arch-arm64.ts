/** arm64 with 4 KiB pages and 48-bit addresses: four levels of tables, the linear map at the bottom (5.4 and later). */

import type { PhysicalMemory } from "../memory.js";
import type { AddressLayout, ArchInfo, KernelArch, PageTables } from "./arch.js";
import { type Release, since } from "./release.js";

const PAGE = 0x1000;
const BLOCK = 0x20_0000;
const VALID = 1n;
/** Says "table" above the last level and "page" in it; without it the entry is a block. */
const TABLE_OR_PAGE = 2n;
const INNER_SHAREABLE_ACCESSED = 0x700n;
const NEVER_EXECUTE = 0x0060_0000_0000_0000n;
const ADDRESS_MASK = 0x0000_ffff_ffff_f000n;
const PAGE_OFFSET = 0xffff_0000_0000_0000n;
const LINEAR_ALIGN = 0x4000_0000;

class Arm64PageTables implements PageTables {
  readonly #memory: PhysicalMemory;
  readonly #root: number;
  readonly #allocate: () => number;

  constructor(memory: PhysicalMemory, root: number, allocate: () => number) {
    this.#memory = memory;
    this.#root = root;
    this.#allocate = allocate;
  }

  map(virtual: bigint, physical: number, size: number, pageSize: number): void {
    if ((pageSize !== PAGE && pageSize !== BLOCK) || virtual % BigInt(pageSize) !== 0n || physical % pageSize !== 0) {
      throw new Error(`cannot map 0x${virtual.toString(16)} to 0x${physical.toString(16)} in pages of ${pageSize}`);
    }
    for (let done = 0; done < size; done += pageSize) {
      this.#mapOne(virtual + BigInt(done), physical + done, pageSize === PAGE ? 12 : 21);
    }
  }

  #mapOne(virtual: bigint, physical: number, leafShift: number): void {
    let table = this.#root;
    for (let shift = 39; ; shift -= 9) {
      const slot = table + Number((virtual >> BigInt(shift)) & 0x1ffn) * 8;
      if (shift === leafShift) {
        const kind = leafShift === 12 ? TABLE_OR_PAGE : 0n;
        const entry = BigInt(physical) | VALID | kind | INNER_SHAREABLE_ACCESSED | NEVER_EXECUTE;
        this.#memory.writeInteger(slot, 8, entry);
        return;
      }
      const entry = this.#memory.readInteger(slot, 8);
      if (entry === 0n) {
        table = this.#allocate();
        this.#memory.writeInteger(slot, 8, BigInt(table) | VALID | TABLE_OR_PAGE);
      } else if ((entry & TABLE_OR_PAGE) === 0n) {
        throw new Error(`0x${virtual.toString(16)} is mapped by a block already`);
      } else {
        table = Number(entry & ADDRESS_MASK);
      }
    }
  }
}

function physOffset(memoryStart: number): number {
  return Math.floor(memoryStart / LINEAR_ALIGN) * LINEAR_ALIGN;
}

function addressLayout(_release: Release, _options: unknown, memoryStart: number): AddressLayout {
  return {
    directMap: PAGE_OFFSET - BigInt(physOffset(memoryStart)),
    vmemmap: 0xffff_fc00_0000_0000n,
    textMap: 0xffff_8000_0800_0000n - 0x100_0000n,
    textOffset: 0x100_0000,
  };
}

function vmcoreinfo(info: ArchInfo): string[] {
  const lines = ["NUMBER(VA_BITS)=48"];
  if (info.numa) {
    lines.push(`SYMBOL(node_data)=${info.symbols.nodeData.toString(16)}`, "LENGTH(node_data)=1024");
  }
  const voffset = BigInt.asUintN(64, info.textMap - BigInt(info.physBase));
  lines.push(`NUMBER(kimage_voffset)=0x${voffset.toString(16)}`);
  lines.push(`NUMBER(PHYS_OFFSET)=0x${physOffset(info.memoryStart).toString(16)}`);
  if (since(info.release, "5.9")) {
    lines.push("NUMBER(TCR_EL1_T1SZ)=0x10");
  }
  lines.push(`KERNELOFFSET=${info.kernelOffset.toString(16)}`);
  if (since(info.release, "5.7")) {
    lines.push("NUMBER(KERNELPACMASK)=0x0");
  }
  return lines;
}

/** Memory usually starts at 1 GiB there: give `physBase` the same value. */
export const arm64: KernelArch = {
  machine: "aarch64",
  elfMachine: 183,
  byteOrder: "little",
  wordSize: 8,
  pageSize: PAGE,
  largePageSize: BLOCK,
  prstatusSize: 392,
  sectionSizeBits: (release) => (since(release, "5.12") ? 27 : 30),
  maxPhysmemBits: () => 48,
  addressLayout,
  createPageTables: (memory, root, allocate) => new Arm64PageTables(memory, root, allocate),
  vmcoreinfo,
};
