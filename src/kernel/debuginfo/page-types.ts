import { kernelVersion } from "../version.js";
import type { KernelTypes } from "./kernel-types.js";

/**
 * NUMBER items for page types: values of `_mapcount`, as signed 32 bits. Until 2.6.38 and 4.17 they are plain negative
 * numbers; then single bits that are clear in a word of ones, macros to 6.10 and an enum in 6.11; from 6.12 on a type's
 * number in the top byte (include/linux/page-flags.h; before 4.18 mm.h). `version` is `kernelVersion`'s.
 */
export function pageTypeItems(types: KernelTypes, version: number): string[] {
  const found = valuesOf(types, version);
  return Object.entries(found)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `NUMBER(PAGE_${name}_MAPCOUNT_VALUE)=${value}`);
}

type PageTypeValues = Readonly<Record<"SLAB" | "BUDDY" | "HUGETLB" | "OFFLINE" | "UNACCEPTED", number | undefined>>;

function valuesOf(types: KernelTypes, version: number): PageTypeValues {
  const none = { SLAB: undefined, HUGETLB: undefined, OFFLINE: undefined, UNACCEPTED: undefined };
  if (version < kernelVersion(2, 6, 38)) return { ...none, BUDDY: undefined };
  if (version < kernelVersion(2, 6, 39)) return { ...none, BUDDY: -2 };
  if (version < kernelVersion(4, 18)) return { ...none, BUDDY: -128 };
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
  const inEnum = version >= kernelVersion(6, 11);
  const clear = (name: string, macro: number | undefined) => {
    const bit = inEnum ? types.enumerator(name) : undefined;
    const value = bit === undefined ? (inEnum ? undefined : macro) : Number(bit);
    return value === undefined ? undefined : ~value;
  };
  return {
    SLAB: clear("PG_slab", version >= kernelVersion(6, 10) ? 0x1000 : undefined),
    BUDDY: clear("PG_buddy", 0x80),
    // 6.9, and stable kernels from 6.6.31 on: there the flag of that name is gone.
    HUGETLB: clear("PG_hugetlb", hugetlbIsType(types, version) ? 0x800 : undefined),
    OFFLINE: clear("PG_offline", version >= kernelVersion(5, 1) ? 0x100 : undefined),
    UNACCEPTED: undefined,
  };
}

function hugetlbIsType(types: KernelTypes, version: number): boolean {
  return version >= kernelVersion(6, 6) && types.enumerator("PG_hugetlb") === undefined;
}
