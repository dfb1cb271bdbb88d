import { kernelVersion } from "../version.js";
import type { ImpossibleFact, PageLayout } from "./page-layout.js";

const TYPES = [
  ["buddy", "PAGE_BUDDY_MAPCOUNT_VALUE", "free pages that only their mark shows"],
  ["offline", "PAGE_OFFLINE_MAPCOUNT_VALUE", "offline pages"],
  ["hugetlb", "PAGE_HUGETLB_MAPCOUNT_VALUE", "pages of hugetlb"],
  ["slab", "PAGE_SLAB_MAPCOUNT_VALUE", "user memory, which kernel objects may look like"],
  ["unaccepted", "PAGE_UNACCEPTED_MAPCOUNT_VALUE", "memory not yet accepted"],
] as const;

/**
 * The layout without facts that would take ordinary pages for others. A page type is below -1 in `_mapcount`, because
 * -1 and more are counts of mappings (include/linux/page-flags.h), and each has a value of its own. The bit of memory
 * errors is no other flag's, and lies above those of private data and swap in every kernel from 2.6.32 to 7.3. hugetlb's destructor has number 2 wherever it has one (enum compound_dtor_id of 4.4 to
 * 6.5). With `PAGE_OFFLINE_MAPCOUNT_VALUE=-1` nearly all pages of a kernel were dropped as offline, with
 * `HUGETLB_PAGE_DTOR=1` its own compound pages as user memory; no sample of pages shows that.
 */
export function possibleLayout(layout: PageLayout, version: number): PageLayout {
  const { type, typeMask, bit, headMask, hugetlb } = layout;
  const impossible: ImpossibleFact[] = [];
  const masked = (value: number | undefined) => (value === undefined ? undefined : (value & typeMask) >>> 0);
  // Types that no kernel exports are those of the releases that were looked at.
  const named = version < ORDER_NOT_KNOWN ? Object.values(type) : TYPES.map(([name]) => type[name]);
  const all = named.map(masked);
  const types: Partial<Record<keyof PageLayout["type"], undefined>> = {};
  for (const [name, exported, kept] of TYPES) {
    const value = type[name];
    if (value === undefined) continue;
    const isType = (value | 0) < -1 && masked(value) !== typeMask;
    if (isType && all.filter((one) => one === masked(value)).length === 1) continue;
    types[name] = undefined;
    impossible.push({ what: `NUMBER(${exported})=${value | 0}`, kept });
  }
  const { hwpoison, lru, private: privateData, swapcache, swapbacked, slab } = bit;
  const others = [lru, privateData, swapcache, swapbacked, slab];
  const lowest = version < ORDER_NOT_KNOWN ? Math.max(privateData ?? 0, swapbacked ?? 0) : 0;
  const flag = hwpoison !== undefined && (others.includes(hwpoison) || 2 ** hwpoison === headMask || hwpoison < lowest);
  if (flag) {
    impossible.push({ what: `NUMBER(PG_hwpoison)=${hwpoison}`, kept: "pages with memory errors" });
  }
  const numbered = hugetlb?.kind === "destructor" && hugetlb.width < layout.wordSize;
  if (numbered && hugetlb.value !== HUGETLB_DESTRUCTOR) {
    impossible.push({ what: `NUMBER(HUGETLB_PAGE_DTOR)=${hugetlb.value}`, kept: "pages of hugetlb" });
  }
  if (impossible.length === 0) return layout;
  return {
    ...layout,
    type: { ...type, ...types },
    bit: flag ? { ...bit, hwpoison: undefined } : bit,
    hugetlb: numbered && hugetlb.value !== HUGETLB_DESTRUCTOR ? undefined : hugetlb,
    impossible,
  };
}

const HUGETLB_DESTRUCTOR = 2n;
/** The first release whose order of page flags, and types without a name in VMCOREINFO, nobody has looked at. */
const ORDER_NOT_KNOWN = kernelVersion(7, 4);
