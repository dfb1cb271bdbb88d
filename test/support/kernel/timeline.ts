/**
 * What changed in kernels so that filters broke, and the test case that shows it read. support-matrix.ts makes a table of
 * it; timeline.test.ts sees to it that each case is there.
 */

/** Where a case is: a list that tests run from, or a test by its file and a part of its title. */
export type TimelineCase =
  | { readonly list: "kernels" | "machines"; readonly name: string }
  | { readonly file: string; readonly title: string };

export interface TimelineRow {
  readonly kernel: string;
  readonly change: string;
  readonly cases: readonly TimelineCase[];
}

const kernel = (...names: readonly string[]): TimelineCase[] => names.map((name) => ({ list: "kernels", name }));
const machine = (name: string): TimelineCase => ({ list: "machines", name });
const log: TimelineCase = { file: "test/kernel/log/read-log.test.ts", title: "text, time" };

export const timeline: readonly TimelineRow[] = [
  {
    kernel: "2.6.38, 2.6.39",
    change: "free pages are marked in `_mapcount`: -2, then -128",
    cases: kernel("2.6.32", "2.6.38", "2.6.38 with what a filter needs for its free pages", "2.6.39"),
  },
  { kernel: "3.11", change: "`struct log` becomes `printk_log`", cases: [log] },
  { kernel: "3.14", change: "x86-64 has KASLR", cases: kernel("3.14 with KASLR", "KASLR, kernel above 4 GiB") },
  {
    kernel: "4.4",
    change: "tails have `compound_head`, compound pages numbered destructors",
    cases: kernel("3.17.0", "4.4.0"),
  },
  { kernel: "4.6", change: "`_count` becomes `_refcount`", cases: kernel("4.6.0") },
  {
    kernel: "4.8, 4.10",
    change: "the direct map's base is random; the swapcache bit is shared",
    cases: kernel("4.8.0", "4.10.0", "randomised bases"),
  },
  {
    kernel: "4.13",
    change: "`init_top_pgt`, five levels, `SECTION_IS_ONLINE`",
    cases: kernel("4.13.0", "five levels"),
  },
  { kernel: "4.15", change: "`mem_section` becomes a pointer", cases: kernel("sparse-extreme 4.9", "4.15.0") },
  { kernel: "4.16", change: "`compound_order` and `compound_dtor` are bytes", cases: kernel("4.16.0") },
  { kernel: "4.18", change: "page types are bits in `_mapcount`", cases: kernel("4.18.0") },
  {
    kernel: "5.1",
    change: "`sme_mask`, offline pages, callers in the log",
    cases: [...kernel("5.1.0", "memory encryption"), log],
  },
  {
    kernel: "5.3",
    change: "parts of a section can be plugged in, `SECTION_IS_EARLY`",
    cases: kernel("5.3.0", "5.3 with parts of a section plugged in"),
  },
  {
    kernel: "5.4",
    change: "arm64: the linear map moves to the lower half, 52 bits",
    cases: [
      machine("arm64, pages of 4 KiB, 48-bit kernel on 48 bits, old layout"),
      machine("arm64, pages of 4 KiB, 48-bit kernel on 48 bits"),
      machine("arm64, pages of 64 KiB, 52-bit kernel on 52 bits"),
    ],
  },
  { kernel: "5.8", change: "`MAX_PHYSMEM_BITS` is exported", cases: kernel("5.3.0", "5.8.0") },
  {
    kernel: "5.9",
    change: "arm64: `TCR_EL1_T1SZ` is exported",
    cases: [machine("arm64, pages of 4 KiB, 52-bit kernel on 48 bits")],
  },
  { kernel: "5.10", change: "the log is a ring of descriptors", cases: [log] },
  { kernel: "5.11", change: "`uts_namespace.name` moves", cases: kernel("5.8.0", "5.11.0") },
  {
    kernel: "5.12",
    change: "arm64: sections of 128 MiB; a section flag for device memory",
    cases: [
      machine("arm64, pages of 4 KiB, 48-bit kernel on 48 bits, 5.12, section size not exported"),
      ...kernel("5.12 with device memory in the section"),
    ],
  },
  { kernel: "5.13", change: "`SECTION_SIZE_BITS` is exported", cases: kernel("5.13.0") },
  { kernel: "5.14", change: "DISCONTIGMEM is gone", cases: kernel("discontig 2.6.32", "discontig 4.4") },
  {
    kernel: "6.0",
    change: "kallsyms is exported",
    cases: [{ file: "test/kernel/debuginfo/kallsyms.test.ts", title: "kallsyms" }],
  },
  { kernel: "6.3", change: "`folio._folio_order`, `folio._folio_dtor`", cases: kernel("6.3.0") },
  {
    kernel: "6.6",
    change: "orders share a word with flags, `PG_hugetlb`, flags in another order",
    cases: kernel("6.6.0"),
  },
  { kernel: "6.9", change: "hugetlb is a page type; `vmap_area_list` is gone", cases: kernel("6.9.0") },
  {
    kernel: "6.10",
    change: "slab is a page type; s390x: virtual and physical addresses differ",
    cases: [
      ...kernel("6.10.0"),
      machine("s390x, layouts apart by VMCOREINFO"),
      machine("s390x, layouts apart by os_info"),
    ],
  },
  { kernel: "6.12", change: "page types in the top byte", cases: kernel("6.11.0", "6.12.0") },
  {
    kernel: "6.13",
    change: "s390x: sections of 128 MiB",
    cases: [machine("s390x, layouts apart by VMCOREINFO, 6.13, sections of 128 MiB")],
  },
  { kernel: "6.15", change: "a section flag for struct pages made ready early", cases: kernel("6.15.0") },
  {
    kernel: "6.16",
    change: "unaccepted memory is exported",
    cases: [...kernel("6.16.0"), { file: "test/filter/kernels.test.ts", title: "memory not yet accepted" }],
  },
  { kernel: "6.18", change: "`page.flags` is a struct of its own", cases: kernel("6.18.0") },
  {
    kernel: "6.19",
    change: "a log block may end exactly with the ring",
    cases: [{ file: "test/kernel/log/read-log.test.ts", title: "6.19: a block that ends exactly with the ring" }],
  },
  { kernel: "7.1", change: "`compound_head` becomes `compound_info`", cases: kernel("7.1.0") },
];
