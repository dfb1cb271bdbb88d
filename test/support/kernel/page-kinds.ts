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

/** Facts beside the kernel's release that decide about a class. */
export interface VerdictFacts {
  /** Free pages can be told by their _mapcount. */
  readonly buddyKnown: boolean;
  /** Free pages can be found by the free lists. */
  readonly freeListsKnown: boolean;
}

/**
 * The classes that one block may fall into, the first match decides; none matches: kept. Follows what VMCOREINFO of
 * that kernel lets a filter know.
 */
export function verdictsOf(page: PageDescription, features: KernelFeatures, facts: VerdictFacts): Verdict[] {
  const verdicts: Verdict[] = kindVerdicts(page, features, facts);
  const poisoned = page.hwpoison || page.kind === "hwpoison";
  if (poisoned && hwpoisonExported(features)) {
    verdicts.push({ levels: 0, class: "hwpoison" });
  }
  return verdicts;
}

function kindVerdicts(page: PageDescription, features: KernelFeatures, facts: VerdictFacts): Verdict[] {
  switch (page.kind) {
    case "free": {
      const valid = (page.statedOrder ?? page.order ?? 0) < MAX_ORDER_COUNT;
      const known = facts.buddyKnown ? valid : facts.freeListsKnown;
      return known ? [{ levels: 16, class: "free" }] : [];
    }
    case "unaccepted":
      return since(features.release, "6.16") ? [{ levels: 16, class: "free" }] : [];
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
      return features.hugetlb === "unknown" ? [] : [{ levels: 8, class: "user" }];
    case "offline":
      return since(features.release, "5.1") ? [{ levels: 0, class: "offline" }] : [];
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
