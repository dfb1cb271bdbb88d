import { kernelVersion } from "../version.js";
import type { KernelTypes } from "./kernel-types.js";

/**
 * NUMBER items for page types: values of `_mapcount`, as signed 32 bits. Until 2.6.38 and 4.17 they are plain negative
 * numbers. Later (struct page has a page_type) they are single bits that are clear in a word of ones, macros until 6.10
 * and an enum in 6.11. From 6.12 on a type's number is in the top byte (include/linux/page-flags.h; before 4.18 mm.h).
 * The names in the kernel's types decide, because distributions put newer memory management into older versions.
 * `version`, a number of `kernelVersion`, is used only where a macro left no name: -2 or -128, and PG_offline.
 */
export function pageTypeItems(types: KernelTypes, version: number): string[] {
  const found = valuesOf(types, version);
  return Object.entries(found)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `NUMBER(PAGE_${name}_MAPCOUNT_VALUE)=${value}`);
}

/** Numbers of page flags are below this; values in 6.11's enum of page types are not. */
const FLAG_BITS = 64n;

/** Whether the types have a page flag of that name: an enumerator that is a bit's number. */
export function hasFlag(types: KernelTypes, name: string): boolean {
  const value = types.enumerator(name);
  return value !== undefined && value >= 0n && value < FLAG_BITS;
}

type PageTypeValues = Readonly<Record<"SLAB" | "BUDDY" | "HUGETLB" | "OFFLINE" | "UNACCEPTED", number | undefined>>;

function valuesOf(types: KernelTypes, version: number): PageTypeValues {
  const none = { SLAB: undefined, HUGETLB: undefined, OFFLINE: undefined, UNACCEPTED: undefined };
  if (types.enumerator("PGTY_buddy") !== undefined) {
    const top = (name: string) => {
      const number = types.enumerator(name);
      return number === undefined ? undefined : Number(number) << 24;
    };
    return {
      SLAB: top("PGTY_slab"),
      BUDDY: top("PGTY_buddy"),
      HUGETLB: top("PGTY_hugetlb"),
      OFFLINE: top("PGTY_offline"),
      UNACCEPTED: top("PGTY_unaccepted"),
    };
  }
  if (types.member("struct page", "page_type") === undefined) {
    if (version < kernelVersion(2, 6, 38)) return { ...none, BUDDY: undefined };
    return { ...none, BUDDY: version < kernelVersion(2, 6, 39) ? -2 : -128 };
  }
  const inEnum = types.enumerator("PG_buddy") !== undefined;
  const clear = (name: string, macro: number | undefined) => {
    const bit = inEnum ? types.enumerator(name) : undefined;
    const value = bit === undefined ? (inEnum ? undefined : macro) : Number(bit);
    return value === undefined ? undefined : ~value;
  };
  return {
    // A flag until 6.9.
    SLAB: clear("PG_slab", hasFlag(types, "PG_slab") ? undefined : 0x1000),
    BUDDY: clear("PG_buddy", 0x80),
    HUGETLB: clear("PG_hugetlb", hugetlbIsType(types) ? 0x800 : undefined),
    OFFLINE: clear("PG_offline", version >= kernelVersion(5, 1) ? 0x100 : undefined),
    UNACCEPTED: undefined,
  };
}

/**
 * 6.9, and stable kernels from 6.6.31 on. Earlier kernels marked hugetlb pages by a flag of page[1] (6.6 to 6.8) or by
 * a destructor, which is the value of a member.
 */
function hugetlbIsType(types: KernelTypes): boolean {
  const hasDestructor = ["struct page", "struct folio"].some((type) =>
    ["compound_dtor", "_folio_dtor"].some((name) => types.member(type, name) !== undefined),
  );
  return !hasDestructor && !hasFlag(types, "PG_hugetlb");
}
