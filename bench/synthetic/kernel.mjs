import { DIRECT_MAP, note } from "./elf.mjs";
import { kernelStructPages, STRUCT_PAGE } from "./struct-pages.mjs";

export const SECTION_BYTES = 2 ** 27;
const PAGE = 4096;
const LARGE_PAGE = 2 ** 21;
const VMEMMAP = 0xffff_ea00_0000_0000n;
const TEXT = 0xffff_ffff_8000_0000n;
const PRESENT = 0x63n;
const LARGE = 0xe3n;
/** SECTION_MARKED_PRESENT, HAS_MEM_MAP, IS_ONLINE, IS_EARLY. */
const SECTION_FLAGS = 15n;
const SECTION_ENTRY = 16;
const ROOTS = 2048;

/** Physical addresses; the kernel is loaded where it is linked. Section 0's struct pages, then those of the variants. */
const AT = { text: 0x100_0000, variables: 0x100_1000, root: 0x100_2000, tables: 0x110_0000, structs: 0x200_0000 };
const SECTION_ROOTS = 0x100_8000;
const textAddress = (paddr) => (TEXT + BigInt(paddr)).toString(16);

/**
 * Section 0: 128 MiB with the kernel's own data in it. Pages without any are free. `numberOf`: by the order in the
 * dump, the number that the kernel has for a section. Returns its memory, and what is used.
 */
export function buildKernel(sections, numberOf, variantOf, patterns) {
  const memory = Buffer.alloc(SECTION_BYTES);
  let free = AT.tables;
  const allocate = () => {
    free += PAGE;
    if (free > AT.structs) throw new Error("too much memory for this kernel's tables");
    return free - PAGE;
  };
  const put = (at, value) => memory.writeBigUInt64LE(BigInt(value), at);
  /** The table below an entry of another one. */
  const below = (table, index) => {
    const entry = memory.readBigUInt64LE(table + index * 8);
    if (entry !== 0n) return Number(entry & ~0xfffn);
    const made = allocate();
    put(table + index * 8, BigInt(made) | PRESENT);
    return made;
  };
  const map = (vaddr, paddr, shift) => {
    let table = AT.root;
    for (let level = 39; level > shift; level -= 9) table = below(table, Number((vaddr >> BigInt(level)) & 511n));
    put(table + Number((vaddr >> BigInt(shift)) & 511n) * 8, BigInt(paddr) | LARGE);
  };

  for (let at = 0; at < SECTION_BYTES; at += LARGE_PAGE) map(TEXT + BigInt(at), at, 21);
  const roots = new Map();
  for (let i = 0; i < sections; i++) {
    const section = numberOf(i);
    const paddr = section * SECTION_BYTES;
    map(DIRECT_MAP + BigInt(paddr), paddr - (paddr % 2 ** 30), 30);
    const pattern = i === 0 ? 0 : 1 + variantOf(i);
    map(VMEMMAP + BigInt(section) * BigInt(LARGE_PAGE), AT.structs + pattern * LARGE_PAGE, 21);
    const within = section % (PAGE / SECTION_ENTRY);
    const root = (section - within) / (PAGE / SECTION_ENTRY);
    if (!roots.has(root)) {
      roots.set(root, allocate());
      put(SECTION_ROOTS + root * 8, DIRECT_MAP + BigInt(roots.get(root)));
    }
    put(roots.get(root) + within * SECTION_ENTRY, VMEMMAP | SECTION_FLAGS);
  }
  ["Linux", "synthetic", RELEASE, "#1 SMP", "x86_64", "(none)"].forEach((text, i) => {
    memory.write(text, AT.variables + 65 * i);
  });
  put(AT.variables + 0x400, 1); // node_online_map
  const used = new Uint8Array(SECTION_BYTES / PAGE);
  used.fill(1, AT.text / PAGE, free / PAGE);
  used.fill(1, AT.structs / PAGE, (AT.structs + (1 + patterns.length) * LARGE_PAGE) / PAGE);
  kernelStructPages(used).copy(memory, AT.structs);
  for (const [i, structs] of patterns.entries()) structs.copy(memory, AT.structs + (1 + i) * LARGE_PAGE);
  return { memory, used };
}

const RELEASE = "6.1.0-synthetic";

/** The notes: one CPU's registers, and VMCOREINFO with what a filter needs of a 6.1 kernel. */
export function vmcoreinfo(sections) {
  const lines = [
    `OSRELEASE=${RELEASE}`,
    "PAGESIZE=4096",
    `SYMBOL(init_uts_ns)=${textAddress(AT.variables)}`,
    "OFFSET(uts_namespace.name)=0",
    `SYMBOL(node_online_map)=${textAddress(AT.variables + 0x400)}`,
    `SYMBOL(swapper_pg_dir)=${textAddress(AT.root)}`,
    `SYMBOL(_stext)=${textAddress(AT.text)}`,
    `SYMBOL(vmap_area_list)=${textAddress(AT.variables + 0x500)}`,
    `SYMBOL(mem_map)=${textAddress(AT.variables + 0x600)}`,
    `SYMBOL(contig_page_data)=${textAddress(AT.variables + 0x700)}`,
    `SYMBOL(mem_section)=${(DIRECT_MAP + BigInt(SECTION_ROOTS)).toString(16)}`,
    `LENGTH(mem_section)=${ROOTS}`,
    `SIZE(mem_section)=${SECTION_ENTRY}`,
    "OFFSET(mem_section.section_mem_map)=0",
    "NUMBER(SECTION_SIZE_BITS)=27",
    "NUMBER(MAX_PHYSMEM_BITS)=46",
    `SIZE(page)=${STRUCT_PAGE}`,
    ...["pglist_data)=1600", "zone)=1536", "free_area)=88", "list_head)=16", "nodemask_t)=8"].map((x) => `SIZE(${x}`),
    ...["flags)=0", "_refcount)=52", "mapping)=24", "lru)=8", "_mapcount)=48", "private)=40", "compound_dtor)=16"].map(
      (x) => `OFFSET(page.${x}`,
    ),
    "OFFSET(page.compound_order)=17",
    "OFFSET(page.compound_head)=8",
    ...["node_zones)=0", "nr_zones)=1540", "node_start_pfn)=1544", "node_spanned_pages)=1552", "node_id)=1560"].map(
      (x) => `OFFSET(pglist_data.${x}`,
    ),
    ...["free_area)=256", "vm_stat)=1344", "spanned_pages)=144"].map((x) => `OFFSET(zone.${x}`),
    "OFFSET(free_area.free_list)=0",
    "OFFSET(list_head.next)=0",
    "OFFSET(list_head.prev)=8",
    "LENGTH(zone.free_area)=11",
    "LENGTH(free_area.free_list)=5",
    "NUMBER(NR_FREE_PAGES)=0",
    "NUMBER(PG_lru)=4",
    "NUMBER(PG_private)=13",
    "NUMBER(PG_swapcache)=10",
    "NUMBER(PG_swapbacked)=19",
    "NUMBER(PG_slab)=9",
    "NUMBER(PG_head_mask)=65536",
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129",
    "NUMBER(HUGETLB_PAGE_DTOR)=2",
    "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257",
    "NUMBER(phys_base)=0",
    `SYMBOL(init_top_pgt)=${textAddress(AT.root)}`,
    "NUMBER(pgtable_l5_enabled)=0",
    "KERNELOFFSET=0",
    "NUMBER(KERNEL_IMAGE_SIZE)=1073741824",
    "NUMBER(sme_mask)=0",
    `SYNTHETIC(sections)=${sections}`,
  ];
  return Buffer.concat([
    note("CORE", 1, Buffer.alloc(336)),
    note("VMCOREINFO", 0, Buffer.from(`${lines.join("\n")}\n`)),
  ]);
}
