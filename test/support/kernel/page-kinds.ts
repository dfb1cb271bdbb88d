/** The vocabulary for describing pages, and what a filter has to make of each kind. */

import { since } from "./release.js";
import type { KernelFeatures } from "./versions.js";
import { MAX_ORDER_COUNT } from "./versions.js";

/**
 * - free: head of a free block of 2^order pages; pcp-free: freed, on a per-CPU list (no mark: kept)
 * - cache, cache-private, shmem: page cache on an LRU list; isolated-file: page cache off the list (kept)
 * - swapcache-shmem: shmem page in the swap cache, off the list
 * - anon, isolated-anon, swapcache, ksm: user memory
 * - thp: huge page of user memory, or of files with `of`; hugetlb: hugetlbfs page
 * - slab, pagetable, reserved, movable (non-LRU movable), owner-priv-1 (PG_owner_priv_1 alone), kernel: kept
 * - hwpoison, offline: dropped at every level; unaccepted: 2^(MAX_ORDER-1) pages never touched
 */
export type PageKind =
  | "free"
  | "pcp-free"
  | "cache"
  | "cache-private"
  | "shmem"
  | "swapcache-shmem"
  | "isolated-file"
  | "anon"
  | "isolated-anon"
  | "swapcache"
  | "ksm"
  | "thp"
  | "hugetlb"
  | "slab"
  | "pagetable"
  | "reserved"
  | "movable"
  | "owner-priv-1"
  | "kernel"
  | "hwpoison"
  | "offline"
  | "unaccepted";

export interface PageDescription {
  readonly pfn: number;
  readonly kind: PageKind;
  /** A block of 2^order pages; for anything but free blocks that is a compound page. */
  readonly order?: number;
  /** That many such blocks one behind the other; default 1. */
  readonly count?: number;
  /** thp only; default "anon". */
  readonly of?: "anon" | "file" | "file-private";
  /** PG_hwpoison beside whatever else it is. */
  readonly hwpoison?: boolean;
  /** slab only, on kernels where PG_slab is a flag: mapping or _mapcount happens to look like that. */
  readonly disguise?: "anon" | "free" | "offline";
  /** free only: the order written into page.private, if not the true one. */
  readonly statedOrder?: number;
  /** hugetlb only: the page structs behind the first 4 KiB of them are aliases of these (needs 4 KiB vmemmap pages). */
  readonly hvo?: boolean;
  /** Content of each page: text naming it (default), zeros, or these bytes (one page, or the whole block). */
  readonly content?: "pattern" | "zero" | Uint8Array;
}

export type PageClass = "keep" | "zero" | "free" | "cache" | "cache-private" | "user" | "hwpoison" | "offline";

/** "At a dump level with any of these bits, the page is of that class"; 0 stands for every level. */
export interface Verdict {
  readonly levels: number;
  readonly class: PageClass;
}

/** How many pages one block of the description covers. */
export function blockPages(page: PageDescription): number {
  if (page.kind === "unaccepted") {
    return 2 ** (MAX_ORDER_COUNT - 1);
  }
  return 2 ** (page.order ?? (page.kind === "hugetlb" || page.kind === "thp" ? 9 : 0));
}

/** Order of the compound page, 0 if it is none. */
export function compoundOrder(page: PageDescription): number {
  if (page.kind === "free" || page.kind === "pcp-free" || page.kind === "unaccepted") {
    return 0;
  }
  return page.order ?? (page.kind === "hugetlb" || page.kind === "thp" ? 9 : 0);
}

/** What the final VMCOREINFO lets a filter know, whatever was taken from it or added. */
export interface KnownMarks {
  readonly buddy: boolean;
  /** Free pages are not marked, but found by walking the free lists. */
  readonly freeLists: boolean;
  readonly offline: boolean;
  readonly unaccepted: boolean;
  readonly hugetlb: boolean;
  readonly hwpoison: boolean;
}

/** Reads the marks off the lines of VMCOREINFO. */
export function knownMarks(lines: readonly string[], features: KernelFeatures): KnownMarks {
  const has = (name: string): boolean => lines.some((line) => line.startsWith(`${name}=`));
  const handler = has("OFFSET(page._mapcount)") && has("OFFSET(page.private)");
  // Without the value, tools go by the release: -2 in 2.6.38, -128 after, which is wrong from 4.18 on.
  const value = has("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)") || !since(features.release, "4.18");
  return {
    buddy: handler && value,
    freeLists: !handler,
    offline: has("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"),
    unaccepted: has("NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)"),
    hugetlb:
      has("SYMBOL(free_huge_page)") ||
      has("NUMBER(HUGETLB_PAGE_DTOR)") ||
      has("NUMBER(PG_hugetlb)") ||
      has("NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)"),
    hwpoison: has("NUMBER(PG_hwpoison)"),
  };
}

/** The classes that one block may fall into, the first match decides; none matches: kept. */
export function verdictsOf(page: PageDescription, marks: KnownMarks): Verdict[] {
  const verdicts: Verdict[] = kindVerdicts(page, marks);
  if (marks.hwpoison && (page.hwpoison || page.kind === "hwpoison")) {
    verdicts.push({ levels: 0, class: "hwpoison" });
  }
  return verdicts;
}

function kindVerdicts(page: PageDescription, marks: KnownMarks): Verdict[] {
  switch (page.kind) {
    case "free": {
      const valid = (page.statedOrder ?? page.order ?? 0) < MAX_ORDER_COUNT;
      const known = marks.buddy ? valid : marks.freeLists;
      return known ? [{ levels: 16, class: "free" }] : [];
    }
    case "unaccepted":
      return marks.unaccepted ? [{ levels: 16, class: "free" }] : [];
    case "cache":
    case "shmem":
    case "swapcache-shmem":
      return [{ levels: 6, class: "cache" }];
    case "cache-private":
      return [{ levels: 4, class: "cache-private" }];
    case "anon":
    case "isolated-anon":
    case "swapcache":
    case "ksm":
      return [{ levels: 8, class: "user" }];
    case "thp":
      if (page.of === "file") {
        return [{ levels: 6, class: "cache" }];
      }
      return page.of === "file-private" ? [{ levels: 4, class: "cache-private" }] : [{ levels: 8, class: "user" }];
    case "hugetlb":
      return marks.hugetlb ? [{ levels: 8, class: "user" }] : [];
    case "offline":
      return marks.offline ? [{ levels: 0, class: "offline" }] : [];
    default:
      return [];
  }
}

/** Since when VMCOREINFO has the items of free pages, and of poisoned ones. */
export function buddyExported(features: KernelFeatures): boolean {
  return since(features.release, "3.9");
}

export function hwpoisonExported(features: KernelFeatures): boolean {
  return since(features.release, "3.10");
}
