/**
 * What kernels export in VMCOREINFO apart from single numbers (kernel/vmcore_info.c and kernel/crash_core.c of 2.6.24
 * to 7.1): only names, in the kernel's order. Names that a kernel does not have are skipped.
 */

/** Variables whose address is exported as SYMBOL under their own name. */
export const FIRST_SYMBOLS = ["init_uts_ns", "system_utsname"] as const;
export const MEMORY_SYMBOLS = ["_stext", "vmap_area_list", "mem_map", "contig_page_data"] as const;
/** The kernel's log: until 5.9, and later. */
export const OLD_LOG_SYMBOLS = [
  "log_buf",
  "log_end",
  "log_buf_len",
  "logged_chars",
  "log_first_idx",
  "log_next_idx",
  "clear_idx",
] as const;
export const LOG_SYMBOLS = ["prb", "printk_rb_static", "clear_seq"] as const;
export const KALLSYMS_SYMBOLS = [
  "kallsyms_names",
  "kallsyms_num_syms",
  "kallsyms_token_table",
  "kallsyms_token_index",
  "kallsyms_offsets",
  "kallsyms_relative_base",
  "kallsyms_addresses",
] as const;

/** Types whose SIZE is exported, with the members whose OFFSET is: after the memory symbols. */
export const MEMORY_SIZES = ["page", "pglist_data", "zone", "free_area", "list_head", "nodemask_t"] as const;
export const MEMORY_OFFSETS: readonly (readonly [type: string, members: readonly string[]])[] = [
  [
    "page",
    [
      "flags",
      "_refcount",
      "_count",
      "mapping",
      "lru",
      "_mapcount",
      "private",
      "compound_dtor",
      "compound_order",
      "compound_head",
      "compound_info",
    ],
  ],
  [
    "pglist_data",
    ["node_zones", "nr_zones", "node_mem_map", "node_start_pfn", "node_spanned_pages", "node_id", "pgdat_next"],
  ],
  ["zone", ["free_area", "vm_stat", "spanned_pages"]],
  ["free_area", ["free_list"]],
  ["list_head", ["next", "prev"]],
];
/** Exported only together with SYMBOL(vmap_area_list), until 6.8. */
export const VMAP_OFFSETS = [["vmap_area", ["va_start", "list"]]] as const;

/** The kernel's log: types with SIZE, and members with OFFSET. printk_log until 5.9, the others since 5.10. */
export const LOG_TYPES: readonly (readonly [type: string, members: readonly string[]])[] = [
  ["printk_log", ["ts_nsec", "len", "text_len", "dict_len", "caller_id"]],
  ["printk_ringbuffer", ["desc_ring", "text_data_ring", "fail"]],
  ["prb_desc_ring", ["count_bits", "descs", "infos", "head_id", "tail_id"]],
  ["prb_desc", ["state_var", "text_blk_lpos"]],
  ["prb_data_blk_lpos", ["begin", "next"]],
  ["printk_info", ["seq", "ts_nsec", "text_len", "caller_id", "dev_info"]],
  ["dev_printk_info", ["subsystem", "device"]],
  ["prb_data_ring", ["size_bits", "data", "head_lpos", "tail_lpos"]],
  ["atomic_long_t", ["counter"]],
  ["latched_seq", ["val"]],
];

/** Numbers of page flags, exported where the kernel's enum has them. */
export const FLAG_NUMBERS = ["PG_lru", "PG_private", "PG_swapcache", "PG_swapbacked"] as const;
