/** The kernel's own memory: where its image, its tables and its allocations lie, physically and virtually. */

import { type MemoryRange, PhysicalMemory } from "../memory.js";
import type { AddressLayout, ArchOptions, KernelArch, PageTables } from "./arch.js";
import type { Release } from "./release.js";

/** Offsets within the kernel's image, from its first byte on. */
export const IMAGE = {
  text: 0,
  initUtsNs: 0x1000,
  rootTable: 0x2000,
  variables: 0x3000,
  nodeDataArray: 0x4000,
  nodes: 0x6000,
  nodeSize: 0x2000,
  maxNodes: 8,
  log: 0x18_000,
  memSection: 0x20_000,
} as const;

/** Variables of one word each, in `IMAGE.variables`. */
export const VARIABLE = {
  memMap: 8,
  physBase: 16,
  vmapAreaList: 24,
  freeHugePage: 0x100,
  /** A nodemask of up to 128 bytes. */
  nodeOnlineMap: 0x200,
} as const;

export interface SpaceOptions extends ArchOptions {
  readonly ranges: readonly MemoryRange[];
  readonly physBase: number;
  readonly kernelOffset: number;
  /** Bytes of the image, from `IMAGE.text` on. */
  readonly imageSize: number;
  /** Pages that descriptions claim: the kernel must not take them for itself. */
  readonly claimed: (pfn: number) => boolean;
  readonly directMap?: bigint;
  readonly vmemmap?: bigint;
}

export class KernelSpace {
  readonly arch: KernelArch;
  readonly memory: PhysicalMemory;
  readonly layout: AddressLayout;
  readonly tables: PageTables;
  readonly options: SpaceOptions;
  /** Physical and virtual address of the image's first byte. */
  readonly imagePhysical: number;
  readonly imageVirtual: bigint;
  /** The lowest physical address there is. */
  readonly memoryStart: number;
  #next: number;

  constructor(arch: KernelArch, release: Release, options: SpaceOptions) {
    this.arch = arch;
    this.options = options;
    this.memory = new PhysicalMemory(arch.byteOrder);
    this.memoryStart = Math.min(...options.ranges.map((range) => range.start));
    const layout = arch.addressLayout(release, options, this.memoryStart);
    this.layout = {
      ...layout,
      directMap: options.directMap ?? layout.directMap,
      vmemmap: options.vmemmap ?? layout.vmemmap,
    };
    const start = layout.textOffset + options.kernelOffset;
    this.imagePhysical = start + options.physBase;
    this.imageVirtual = layout.textMap + BigInt(start);
    const large = arch.largePageSize;
    if (this.imagePhysical < 0 || this.imagePhysical % large !== 0) {
      throw new Error(`kernel at 0x${this.imagePhysical.toString(16)}: not a multiple of 0x${large.toString(16)}`);
    }
    const end = this.imagePhysical + options.imageSize;
    if (!this.#isFree(this.imagePhysical, options.imageSize)) {
      const place = `0x${this.imagePhysical.toString(16)}..0x${end.toString(16)}`;
      throw new Error(`the kernel's image at ${place} is not in memory, or a described page is in it`);
    }
    this.#next = end;
    this.tables = arch.createPageTables(
      this.memory,
      this.imagePhysical + IMAGE.rootTable,
      () => this.allocate(arch.pageSize, arch.pageSize),
      options,
    );
    this.tables.map(this.imageVirtual, this.imagePhysical, Math.ceil(options.imageSize / large) * large, large);
    for (const range of options.ranges) {
      const first = Math.floor(range.start / large) * large;
      const size = Math.ceil((range.end - first) / large) * large;
      this.tables.map(this.layout.directMap + BigInt(first), first, size, large);
    }
  }

  /** Physical memory for the kernel itself, zeroed; first fit behind what was allocated before. */
  allocate(size: number, align: number): number {
    const limit = this.options.ranges.reduce((last, range) => Math.max(last, range.end), 0);
    let at = Math.ceil(this.#next / align) * align;
    for (; at + size <= limit; at = this.#skip(at, size, align)) {
      if (this.#isFree(at, size)) {
        this.#next = at + size;
        return at;
      }
    }
    throw new Error(`no ${size} bytes left behind the kernel: give the machine more memory, or describe other pages`);
  }

  directAddress(physical: number): bigint {
    return this.layout.directMap + BigInt(physical);
  }

  imageAddress(offset: number): bigint {
    return this.imageVirtual + BigInt(offset);
  }

  writeImage(offset: number, size: 1 | 2 | 4 | 8, value: bigint | number): void {
    this.memory.writeInteger(this.imagePhysical + offset, size, value);
  }

  /** Whether the whole stretch is memory that no description claims. */
  #isFree(start: number, size: number): boolean {
    const inside = this.options.ranges.some((range) => start >= range.start && start + size <= range.end);
    if (!inside) {
      return false;
    }
    const page = this.arch.pageSize;
    for (let pfn = Math.floor(start / page); pfn * page < start + size; pfn++) {
      if (this.options.claimed(pfn)) {
        return false;
      }
    }
    return true;
  }

  /** The next place worth trying: the start of the next range if this one is too short. */
  #skip(at: number, size: number, align: number): number {
    const inRange = this.options.ranges.find((range) => at >= range.start && at + size <= range.end);
    if (inRange !== undefined) {
      return at + align;
    }
    const starts = this.options.ranges
      .map((range) => Math.ceil(range.start / align) * align)
      .filter((start) => start > at);
    return starts.length === 0 ? Number.MAX_SAFE_INTEGER : Math.min(...starts);
  }
}
