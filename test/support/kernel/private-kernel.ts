/** Built kernels as a run with --privacy wants them: a reserved image, and memory mapped outside of the direct map. */

import { buildKernel, type Kernel, type KernelOptions } from "../kernel-image.js";
import { integerBytes } from "../memory.js";
import { IMAGE } from "./space.js";

const PAGE = 4096;
const PRESENT = 3n;
/** Where x86-64 has its vmalloc area without KASLR, and modules of kernels without it. */
export const VMALLOC = 0xffff_c900_0000_0000n;
export const MODULES = 0xffff_ffff_c000_0000n;
export const STACK_MAGIC = 0x57ac_6e9d;

/** A built x86-64 kernel; pages that are not described, its image among them, are reserved, as after boot. */
export function privateKernel(options: KernelOptions = {}): Kernel {
  const kernel = buildKernel({
    ...options,
    vmcoreinfo: {
      ...options.vmcoreinfo,
      add: [...(options.vmcoreinfo?.add ?? []), "NUMBER(KERNEL_IMAGE_SIZE)=1073741824"],
    },
  });
  for (const pfn of kernel.pfns()) {
    if (kernel.expectedClass.has(pfn) || kernel.structPhysical(pfn) === undefined) continue;
    setField(kernel, pfn, "flags", 1n << BigInt(kernel.features.bits.reserved));
    // Never on a list: it names itself.
    setField(kernel, pfn, "lru", kernel.structAddress(pfn) + BigInt(kernel.features.layout.lru));
  }
  return kernel;
}

/** Overwrites a member of a page's struct page. */
export function setField(
  kernel: Kernel,
  pfn: number,
  name: "flags" | "index" | "private" | "mapping" | "lru",
  value: bigint,
) {
  const at = kernel.structPhysical(pfn);
  if (at === undefined) throw new Error(`pfn ${pfn} has no struct page`);
  kernel.memory.write(at + kernel.features.layout[name], integerBytes(value, 8, kernel.arch.byteOrder));
}

/** Address of a page in the direct map. */
export function directAddress(kernel: Kernel, pfn: number): bigint {
  return kernel.directMap + BigInt(pfn * PAGE);
}

/** Page tables by hand: one per level from the second on, in the pages given, for areas of the same 2 MiB. */
export class HandTables {
  readonly #kernel: Kernel;
  readonly #bottom: number;

  /** `tables`: three free pages. `vaddr`: a multiple of 2 MiB that nothing has mapped. */
  constructor(kernel: Kernel, vaddr: bigint, tables: readonly [number, number, number]) {
    this.#kernel = kernel;
    const [upper, middle, bottom] = tables;
    const index = (shift: bigint) => Number((vaddr >> shift) & 511n);
    for (const pfn of tables) kernel.memory.write(pfn * PAGE, new Uint8Array(PAGE));
    let table = kernel.imagePhysical + IMAGE.rootTable;
    for (const [pfn, shift] of [
      [upper, 39n],
      [middle, 30n],
      [bottom, 21n],
    ] as const) {
      const at = table + index(shift) * 8;
      const there = new DataView(kernel.memory.read(at, 8).buffer.slice(0)).getBigUint64(0, true);
      if (there === 0n) this.#entry(at, BigInt(pfn * PAGE));
      table = there === 0n ? pfn * PAGE : Number(there & 0x000f_ffff_ffff_f000n);
    }
    this.#bottom = table;
  }

  /** Maps pages one behind the other from the given page of the 2 MiB on. */
  map(page: number, pfns: readonly number[]): void {
    for (const [i, pfn] of pfns.entries()) this.#entry(this.#bottom + (page + i) * 8, BigInt(pfn * PAGE));
  }

  #entry(at: number, paddr: bigint): void {
    this.#kernel.memory.write(at, integerBytes(paddr | PRESENT, 8, "little"));
  }
}

/** A page with the mark of a stack's lowest address at the given offset. */
export function stackBottom(offset = 0): Uint8Array {
  const bytes = new Uint8Array(PAGE).fill(0x11);
  new DataView(bytes.buffer).setBigUint64(offset, BigInt(STACK_MAGIC), true);
  return bytes;
}
