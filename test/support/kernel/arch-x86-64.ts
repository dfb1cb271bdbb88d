/** x86-64: four or five levels of page tables, the kernel's text in the top 2 GiB. */

import type { PhysicalMemory } from "../memory.js";
import type { AddressLayout, ArchInfo, ArchOptions, KernelArch, PageTables } from "./arch.js";
import { inForce, type Release, since } from "./release.js";

const PAGE = 0x1000;
const LARGE = 0x20_0000;
const HUGE = 0x4000_0000;

const PRESENT_WRITABLE_ACCESSED_DIRTY = 0x63n;
const PAGE_SIZE_BIT = 0x80n;
const GLOBAL = 0x100n;
const NO_EXECUTE = 1n << 63n;
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;

class X86PageTables implements PageTables {
  readonly #memory: PhysicalMemory;
  readonly #root: number;
  readonly #allocate: () => number;
  readonly #options: ArchOptions;

  constructor(memory: PhysicalMemory, root: number, allocate: () => number, options: ArchOptions) {
    this.#memory = memory;
    this.#root = root;
    this.#allocate = allocate;
    this.#options = options;
  }

  map(virtual: bigint, physical: number, size: number, pageSize: number): void {
    const leafShift = pageSize === PAGE ? 12 : pageSize === LARGE ? 21 : pageSize === HUGE ? 30 : undefined;
    if (leafShift === undefined || virtual % BigInt(pageSize) !== 0n || physical % pageSize !== 0) {
      throw new Error(`cannot map 0x${virtual.toString(16)} to 0x${physical.toString(16)} in pages of ${pageSize}`);
    }
    for (let done = 0; done < size; done += pageSize) {
      this.#mapOne(virtual + BigInt(done), physical + done, leafShift);
    }
  }

  #mapOne(virtual: bigint, physical: number, leafShift: number): void {
    let table = this.#root;
    for (let shift = this.#options.pageTableLevels === 5 ? 48 : 39; ; shift -= 9) {
      const slot = table + Number((virtual >> BigInt(shift)) & 0x1ffn) * 8;
      if (shift === leafShift) {
        const kind = leafShift === 12 ? 0n : PAGE_SIZE_BIT;
        this.#put(slot, BigInt(physical) | PRESENT_WRITABLE_ACCESSED_DIRTY | kind | GLOBAL | NO_EXECUTE);
        return;
      }
      const entry = this.#memory.readInteger(slot, 8) & ~this.#options.smeMask;
      if (entry === 0n) {
        table = this.#allocate();
        this.#put(slot, BigInt(table) | PRESENT_WRITABLE_ACCESSED_DIRTY);
      } else {
        if ((entry & PAGE_SIZE_BIT) !== 0n) {
          throw new Error(`0x${virtual.toString(16)} is mapped by a larger page already`);
        }
        table = Number(entry & ADDRESS_MASK);
      }
    }
  }

  #put(slot: number, entry: bigint): void {
    this.#memory.writeInteger(slot, 8, entry | this.#options.smeMask);
  }
}

function addressLayout(release: Release, options: ArchOptions): AddressLayout {
  const five = options.pageTableLevels === 5;
  const directMap = inForce(release, [
    ["2.6.0", 0xffff_8100_0000_0000n],
    ["2.6.27", 0xffff_8800_0000_0000n],
    ["4.20.0", 0xffff_8880_0000_0000n],
  ]);
  const vmemmap = since(release, "2.6.31") ? 0xffff_ea00_0000_0000n : 0xffff_e200_0000_0000n;
  return {
    directMap: five ? 0xff11_0000_0000_0000n : directMap,
    vmemmap: five ? 0xffd4_0000_0000_0000n : vmemmap,
    textMap: 0xffff_ffff_8000_0000n,
    textOffset: 0x100_0000,
  };
}

function vmcoreinfo(info: ArchInfo): string[] {
  const { release, symbols } = info;
  const lines: string[] = [];
  if (since(release, "4.10")) {
    lines.push(`NUMBER(phys_base)=${info.physBase}`);
  } else {
    lines.push(`SYMBOL(phys_base)=${symbols.physBase.toString(16)}`);
  }
  const root = since(release, "4.13") ? "init_top_pgt" : "init_level4_pgt";
  lines.push(`SYMBOL(${root})=${symbols.rootTable.toString(16)}`);
  if (since(release, "4.17")) {
    lines.push(`NUMBER(pgtable_l5_enabled)=${info.pageTableLevels === 5 ? 1 : 0}`);
  }
  if (info.numa) {
    lines.push(`SYMBOL(node_data)=${symbols.nodeData.toString(16)}`, "LENGTH(node_data)=1024");
  }
  if (since(release, "3.14")) {
    lines.push(`KERNELOFFSET=${info.kernelOffset.toString(16)}`);
  }
  if (since(release, "4.10")) {
    lines.push("NUMBER(KERNEL_IMAGE_SIZE)=1073741824");
  }
  if (since(release, "5.1")) {
    lines.push(`NUMBER(sme_mask)=${info.smeMask}`);
  }
  return lines;
}

export const x86_64: KernelArch = {
  machine: "x86_64",
  elfMachine: 62,
  byteOrder: "little",
  wordSize: 8,
  pageSize: PAGE,
  largePageSize: LARGE,
  prstatusSize: 336,
  sectionSizeBits: () => 27,
  maxPhysmemBits: (release, options) => {
    if (options.pageTableLevels === 5) {
      return 52;
    }
    return inForce(release, [
      ["2.6.0", 40],
      ["2.6.26", 44],
      ["2.6.31", 46],
    ]);
  },
  addressLayout,
  createPageTables: (memory, root, allocate, options) => new X86PageTables(memory, root, allocate, options),
  vmcoreinfo,
};
