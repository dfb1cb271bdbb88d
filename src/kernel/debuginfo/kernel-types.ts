/**
 * Types of the dumped kernel. A type is named as in C, with or without its keyword: "list_head", "struct page", "union
 * …", "enum …", or a typedef's name. A result is `undefined` if the source of the types lacks it.
 */
export interface KernelTypes {
  /** Where the types come from: "BTF in memory", "BTF of vmlinux", "DWARF of vmlinux". */
  readonly source: string;
  /** Bytes. */
  sizeOf(type: string): number | undefined;
  /**
   * A member by a dotted path. Anonymous members are searched too; [n] indexes arrays: "lru.next",
   * "vm_stat[0].counter". Its offset is in bytes from the start of `type`. Pointers are not followed.
   */
  member(type: string, path: string): KernelMember | undefined;
  /** The direct members of a struct or union in order; anonymous ones have the name "". */
  members(type: string): readonly KernelMember[] | undefined;
  /**
   * All numbers and pointers of a type, including those of its members' members and of arrays, in the order of their
   * declaration; members of a union overlap. Bytes without a scalar are padding. `undefined` for a type that is not
   * completely known.
   */
  scalars(type: string): readonly KernelScalar[] | undefined;
  /** The value of an enum's constant: "PG_slab", "NR_FREE_PAGES". */
  enumerator(name: string): bigint | undefined;
  /** The type name of a variable, where the source has it (DWARF: all; BTF: per-CPU ones). */
  variable(name: string): string | undefined;
}

/** The most bytes of a struct or union that are believed: those of Linux have less than 1 MiB. */
export const MOST_STRUCT = 2 ** 24;

/**
 * Whether a member lies in its struct, which begins at `start` and has `size` bytes: types come from the dump, and who
 * reads a struct reads `size` bytes of it.
 */
export function liesWithin(member: KernelMember, start: number, size: number | undefined): boolean {
  const { offset, bitOffset, bitSize } = member;
  const bytes = bitSize === undefined ? member.size : Math.ceil(((bitOffset ?? 0) + bitSize) / 8);
  return size !== undefined && offset >= start && offset + bytes <= start + size;
}

/** A member of a struct or union. */
export interface KernelMember {
  readonly name: string;
  /** Bytes from the start of the type in the call. For a bit field it is the offset of its storage unit. */
  readonly offset: number;
  /** Size of its type in bytes. */
  readonly size: number;
  /**
   * Only for a bit field: its first bit, counted from `offset` in the kernel's bit order (least significant first on
   * little-endian machines, most significant first on big-endian ones).
   */
  readonly bitOffset?: number;
  /** Only for a bit field: its width in bits. */
  readonly bitSize?: number;
  /**
   * Its type as C writes it: "unsigned long", "struct list_head", "struct pipe_inode_info *", "atomic_long_t[11]"; an
   * anonymous struct is "struct", an anonymous union "union".
   */
  readonly type: string;
  /** Only for an array: the number of its elements (of the first dimension). */
  readonly count?: number;
  /** Only for an array: bytes of one element. */
  readonly elementSize?: number;
}

/** A number or a pointer within a type, or an array of them. */
export interface KernelScalar {
  /** Path of members that leads to it, separated by dots; `[]` for an element of an array. */
  readonly name: string;
  /** Bytes from the start of the type in the call. */
  readonly offset: number;
  /** Bytes of one element. */
  readonly size: number;
  /** How many follow each other; 0 for a flexible array. */
  readonly count: number;
  readonly kind: "integer" | "pointer";
}

/**
 * Compilers write the same integer type in different ways: "long unsigned int" (GCC), "unsigned long" (clang). Returns
 * the shortest form: "unsigned long", "short", "unsigned char" …; other names are returned unchanged.
 */
export function integerName(name: string): string {
  if (!isIntegerName(name)) return name;
  const words = name.split(/\s+/);
  const unsigned = words.includes("unsigned") ? ["unsigned"] : [];
  if (words.includes("char")) return words.includes("signed") ? "signed char" : [...unsigned, "char"].join(" ");
  const size = words.filter((word) => word === "long" || word === "short");
  return [...unsigned, ...(size.length === 0 ? ["int"] : size)].join(" ");
}

/** Whether a name is made of C's words for integer types only. */
export function isIntegerName(name: string): boolean {
  return /^\s*(?:(?:unsigned|signed|char|short|int|long)(?:\s+|$))+$/.test(name);
}

/**
 * The steps of a dotted path: names, and numbers for the indexes of arrays. "vm_stat[0].counter" is ["vm_stat", 0,
 * "counter"]. `undefined` if it is not such a path.
 */
export function parsePath(path: string): readonly (string | number)[] | undefined {
  if (path.length > MAX_PATH) return undefined;
  const steps: (string | number)[] = [];
  for (const part of path.split(".")) {
    const match = /^([A-Za-z_$][\w$]*)((?:\[\d{1,9}\])*)$/.exec(part);
    if (match === null) return undefined;
    steps.push(match[1] as string);
    for (const [, index] of (match[2] as string).matchAll(/\[(\d+)\]/g)) steps.push(Number(index));
  }
  return steps;
}

/** Far above any path that a person or a program writes. */
const MAX_PATH = 1000;
