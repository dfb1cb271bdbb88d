import { archSupport } from "../arch/archs.js";
import type { KernelExports, Relocation, TypeItems } from "../arch/relocation.js";
import { kernelVersion, parseKernelVersion } from "../version.js";
import { releaseOfBanner } from "./find-banner.js";
import { hasFlag, pageTypeItems } from "./page-types.js";
import {
  FIRST_SYMBOLS,
  FLAG_NUMBERS,
  KALLSYMS_SYMBOLS,
  LOG_SYMBOLS,
  LOG_TYPES,
  MEMORY_OFFSETS,
  MEMORY_SIZES,
  MEMORY_SYMBOLS,
  OLD_LOG_SYMBOLS,
  VMAP_OFFSETS,
} from "./vmcoreinfo-items.js";
import type { KernelImage } from "./vmlinux-image.js";

/**
 * The VMCOREINFO that a kernel would have exported: names and layouts come from its vmlinux, values of variables from
 * its image in memory, and addresses are moved by `relocation`. Items that cannot be found out are left out. `banner`
 * is the kernel's own; `pageSize` comes from `kernelPageSize` or from the dump.
 */
export function makeVmcoreinfo(image: KernelImage, relocation: Relocation, banner: string, pageSize: number): string {
  const release = releaseOfBanner(banner);
  const maker = new ItemMaker(image, relocation, parseKernelVersion(release) ?? 0, pageSize);
  const buildId = image.vmlinux.buildId;
  const items = [
    `OSRELEASE=${release}`,
    ...(buildId === undefined ? [] : [`BUILD-ID=${buildId}`]),
    `PAGESIZE=${pageSize}`,
    ...maker.all(),
  ];
  return `${items.join("\n")}\n`;
}

class ItemMaker {
  readonly #exports: KernelExports;

  constructor(
    private readonly image: KernelImage,
    private readonly relocation: Relocation,
    private readonly version: number,
    private readonly pageSize: number,
  ) {
    this.#exports = archSupport(image.vmlinux.machine.arch)?.exports ?? {};
  }

  all(): string[] {
    const { areas, tableSymbols = [], symbols = [], types = [], offsets = [], pointerArrays = [] } = this.#exports;
    return [
      ...this.#symbols(FIRST_SYMBOLS),
      ...this.#offsets([["uts_namespace", ["name"]]]),
      ...this.#nodeOnlineMap(),
      ...this.#pageTables(),
      ...this.#symbols(MEMORY_SYMBOLS),
      ...(areas?.(this.image, this.version) ?? []),
      ...this.#sections(),
      ...this.#sizes(MEMORY_SIZES),
      ...this.#offsets(MEMORY_OFFSETS),
      ...this.#folioOffsets(),
      ...(this.#address("vmap_area_list") === undefined ? [] : this.#offsets(VMAP_OFFSETS)),
      ...this.#arrayLength("zone", "free_area", "zone.free_area"),
      ...this.#log(),
      ...this.#arrayLength("free_area", "free_list", "free_area.free_list"),
      ...this.#enumerators(["NR_FREE_PAGES"]),
      ...this.#flags(),
      ...pageTypeItems(this.#types, this.version),
      ...(this.version >= kernelVersion(6, 0) ? this.#symbols(KALLSYMS_SYMBOLS) : []),
      ...this.#symbols(tableSymbols),
      ...this.#pointerArray("node_data"),
      ...this.#symbols(symbols),
      ...types.flatMap(([type, members]) => [...this.#sizes([type]), ...this.#offsets([[type, members]])]),
      ...this.#offsets(offsets),
      ...pointerArrays.flatMap((name) => this.#lengthOf(name)),
      ...this.relocation.items,
    ];
  }

  get #types() {
    return this.image.vmlinux.types;
  }

  /** An address as in the running kernel, wrapped to the machine's words. */
  #address(name: string): bigint | undefined {
    const symbol = this.image.vmlinux.linked(name);
    return symbol === undefined ? undefined : this.#moved(symbol.address);
  }

  #moved(address: bigint): bigint {
    return BigInt.asUintN(this.#wordSize * 8, address + this.relocation.shift);
  }

  get #wordSize(): number {
    return this.image.vmlinux.machine.wordSize;
  }

  #symbols(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      const address = this.#address(name);
      return address === undefined ? [] : [`SYMBOL(${name})=${address.toString(16)}`];
    });
  }

  #sizes(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      const size = this.#types.sizeOf(name);
      return size === undefined ? [] : [`SIZE(${name})=${size}`];
    });
  }

  #offsets(types: TypeItems): string[] {
    return types.flatMap(([type, members]) =>
      members.flatMap((member) => {
        const found = this.#types.member(type, member);
        return found === undefined ? [] : [`OFFSET(${type}.${member})=${found.offset}`];
      }),
    );
  }

  #enumerators(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      const value = this.#types.enumerator(name);
      return value === undefined ? [] : [`NUMBER(${name})=${value}`];
    });
  }

  #arrayLength(type: string, member: string, name: string): string[] {
    const count = this.#types.member(type, member)?.count;
    return count === undefined ? [] : [`LENGTH(${name})=${count}`];
  }

  /** An array of pointers: its length follows from the symbol's size. */
  #lengthOf(name: string): string[] {
    const size = this.image.vmlinux.linked(name)?.size ?? 0;
    return size === 0 ? [] : [`LENGTH(${name})=${size / this.#wordSize}`];
  }

  #pointerArray(name: string): string[] {
    return [...this.#symbols([name]), ...this.#lengthOf(name)];
  }

  /** Since 2.6.23 node_online_map is a macro for node_states[N_ONLINE]. */
  #nodeOnlineMap(): string[] {
    const states = this.#address("node_states");
    const online = states === undefined ? undefined : this.#types.enumerator("N_ONLINE");
    const size = online === undefined ? undefined : this.#types.sizeOf("nodemask_t");
    if (states === undefined || online === undefined || size === undefined) return this.#symbols(["node_online_map"]);
    return [`SYMBOL(node_online_map)=${(states + online * BigInt(size)).toString(16)}`];
  }

  /** On some machines swapper_pg_dir is a macro. */
  #pageTables(): string[] {
    const own = this.#symbols(["swapper_pg_dir"]);
    if (own.length > 0) return own;
    const [top] = (this.#exports.tableSymbols ?? [])
      .map((name) => this.#address(name))
      .filter((one) => one !== undefined);
    return top === undefined ? [] : [`SYMBOL(swapper_pg_dir)=${top.toString(16)}`];
  }

  /**
   * Sparsemem's root array. The kernel exports the array's address even where the variable is a pointer to it (4.15 and
   * later, SPARSEMEM_EXTREME): then the pointer's value is read.
   */
  #sections(): string[] {
    const symbol = this.image.vmlinux.linked("mem_section");
    const size = symbol === undefined ? undefined : this.#types.sizeOf("struct mem_section");
    if (symbol === undefined || size === undefined) return [];
    const isPointer = symbol.size === this.#wordSize;
    const root = isPointer ? this.image.word("mem_section") : this.#moved(symbol.address);
    if (root === undefined) return [];
    const sectionBits = this.#sectionBits();
    const physBits = this.#exports.maxPhysmemBits?.(this.image, this.version, this.relocation);
    const length = isPointer ? this.#roots(sectionBits, physBits, size) : this.#staticLength(symbol.size, size);
    return [
      `SYMBOL(mem_section)=${root.toString(16)}`,
      ...(length === undefined ? [] : [`LENGTH(mem_section)=${length}`]),
      `SIZE(mem_section)=${size}`,
      ...this.#offsets([["mem_section", ["section_mem_map"]]]),
      ...(sectionBits === undefined ? [] : [`NUMBER(SECTION_SIZE_BITS)=${sectionBits}`]),
      ...(physBits === undefined ? [] : [`NUMBER(MAX_PHYSMEM_BITS)=${physBits}`]),
    ];
  }

  #roots(sectionBits: number | undefined, physBits: number | undefined, size: number): number | undefined {
    if (sectionBits === undefined || physBits === undefined) return undefined;
    return Math.ceil(2 ** (physBits - sectionBits) / Math.floor(this.pageSize / size));
  }

  /** The array has sections, or (before 4.15) pointers to pages of them: the variable's type says which. */
  #staticLength(bytes: number, size: number): number | undefined {
    if (bytes === 0) return undefined;
    const isPointers = this.version < kernelVersion(4, 15) && this.#types.variable("mem_section")?.includes("*");
    return bytes / (isPointers === true ? this.#wordSize : size);
  }

  /**
   * SECTION_SIZE_BITS is a macro. But since 5.3 a section with a vmemmap has a bit for each 2 MiB (SUBSECTION_SHIFT
   * 21), so the length of that array of words gives the size. One word holds up to 2^27 bytes; for smaller sections the
   * architecture knows the size.
   */
  #sectionBits(): number | undefined {
    const words = this.#types.member("struct mem_section_usage", "subsection_map")?.count ?? 0;
    const known = this.#exports.sectionSizeBits?.(words);
    return known ?? (words > 1 ? 21 + Math.log2(words * this.#wordSize * 8) : undefined);
  }

  /** 6.3 to 6.5 only: in older kernels the same bytes have names in struct page. */
  #folioOffsets(): string[] {
    if (this.#types.member("struct page", "compound_order") !== undefined) return [];
    if (this.#types.member("struct folio", "_folio_dtor") === undefined) return [];
    return this.#offsets([["folio", ["_folio_dtor", "_folio_order"]]]);
  }

  #log(): string[] {
    const isOld = this.#address("prb") === undefined;
    const types = LOG_TYPES.filter(([type]) => (type === "printk_log") === isOld);
    const items = types.flatMap(([type, members]) => [...this.#sizes([type]), ...this.#offsets([[type, members]])]);
    if (isOld) return [...this.#symbols(OLD_LOG_SYMBOLS), ...items];
    return [
      ...this.#symbols(LOG_SYMBOLS),
      ...items,
      ...this.#arrayLength("dev_printk_info", "subsystem", "printk_info_subsystem"),
      ...this.#arrayLength("dev_printk_info", "device", "printk_info_device"),
    ];
  }

  #flags(): string[] {
    const head = this.#types.enumerator("PG_head");
    const ifFlag = (name: string) => (hasFlag(this.#types, name) ? this.#enumerators([name]) : []);
    const hasHeads = this.#types.member("struct page", "compound_head") !== undefined;
    return [
      ...this.#enumerators(FLAG_NUMBERS),
      ...ifFlag("PG_slab"),
      ...this.#enumerators(["PG_hwpoison"]),
      ...(head !== undefined && head >= 0n && head < 64n ? [`NUMBER(PG_head_mask)=${1n << head}`] : []),
      ...ifFlag("PG_hugetlb"),
      ...ifFlag("PG_buddy"),
      // Destructors were functions until 4.4, which gave tails a link to their head.
      ...(hasHeads || this.#types.member("struct page", "compound_info") !== undefined
        ? this.#enumerators(["HUGETLB_PAGE_DTOR"])
        : this.#symbols(["free_huge_page"])),
    ];
  }
}
