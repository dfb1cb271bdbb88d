/**
 * Types of the dumped kernel. A type is named as in C, with or without its keyword: "list_head", "struct page",
 * "union …", "enum …", or a typedef's name. What the source does not know is `undefined`.
 */
export interface KernelTypes {
  /** Where they are from, in words: "BTF in memory", "BTF of vmlinux", "DWARF of vmlinux". */
  readonly source: string;
  /** Bytes. */
  sizeOf(type: string): number | undefined;
  /**
   * A member by a dotted path: anonymous members are looked through, arrays are indexed with [n]: "lru.next",
   * "vm_stat[0].counter". Its offset is in bytes from the start of `type`. Pointers are not followed.
   */
  member(type: string, path: string): KernelMember | undefined;
  /** The direct members of a struct or union in order; anonymous ones have the name "". */
  members(type: string): readonly KernelMember[] | undefined;
  /**
   * All numbers and pointers of a type, those of its members' members and of arrays too, in the order of their declaration; members of a
   * union lie over each other. What no scalar covers is padding. `undefined` for a type that is not known to its end.
   */
  scalars(type: string): readonly KernelScalar[] | undefined;
  /** The value of an enum's constant: "PG_slab", "NR_FREE_PAGES". */
  enumerator(name: string): bigint | undefined;
  /** The type name of a variable, where the source has it (DWARF: all; BTF: per-CPU ones). */
  variable(name: string): string | undefined;
}

/** A member of a struct or union. */
export interface KernelMember {
  readonly name: string;
  /** Bytes from the start of the type that was asked for; of a bit field: of the storage unit of its type. */
  readonly offset: number;
  /** Bytes of its type. */
  readonly size: number;
  /** Of a bit field: its first bit, counted from `offset` in the kernel's bit order (least significant first on little-endian machines, most significant first on big-endian ones). */
  readonly bitOffset?: number;
  /** Of a bit field: its width in bits. */
  readonly bitSize?: number;
  /** Its type in C's words: "unsigned long", "struct list_head", "struct pipe_inode_info *", "atomic_long_t[11]"; an anonymous struct is "struct", an anonymous union "union". */
  readonly type: string;
  /** Of an array: its number of elements (of the first dimension). */
  readonly count?: number;
  /** Of an array: bytes of one element. */
  readonly elementSize?: number;
}

/** A number or a pointer within a type, or an array of such. */
export interface KernelScalar {
  /** The members that lead there, with points between; `[]` for an element of an array. */
  readonly name: string;
  /** Bytes from the start of the type that was asked for. */
  readonly offset: number;
  /** Bytes of one. */
  readonly size: number;
  /** How many lie one behind the other; 0 for an array that has as many as fit. */
  readonly count: number;
  readonly kind: "integer" | "pointer";
}
