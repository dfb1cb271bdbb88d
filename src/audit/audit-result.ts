import type { PageKind } from "../kernel/page/page-kinds.js";
import type { DumpWarning } from "../warnings.js";
import type { PageOwner } from "./page-owner.js";
import type { FilePlace } from "./search-file.js";

/** Pages of one kind in a dump. */
export interface KindCount {
  readonly kind: PageKind;
  readonly verdict: "kernel" | "user data" | "unknown";
  readonly pages: number;
  /** Pages of them that are all zeros, or all of the byte that erasing writes: they contain nothing. */
  readonly zeroPages: number;
}

/** A secret in a page. If it occurs several times in one page, that is one place. */
export interface PagePlace {
  readonly where: "page";
  readonly pfn: number;
  /** Offset of the first occurrence in the page, in bytes. */
  readonly offset: number;
  /** How many occurrences begin in this page. */
  readonly count: number;
  /** Whether one of them continues in the next page. */
  readonly crossesPages: boolean;
  readonly kind: PageKind;
  /** The word `mapping` of the struct page, if it shows an owner: an anon_vma (bit 0 set) or an address_space. */
  readonly mapping?: string;
  /** The page's owner, if the kernel's data show it. */
  readonly owner?: PageOwner;
}

/** Where a secret was found. The secret is named by its line. */
export type SecretPlace = { readonly line: number } & (PagePlace | FilePlace);

/** How often one secret was found. */
export interface SecretCount {
  readonly line: number;
  /** Its length in bytes. */
  readonly length: number;
  readonly found: number;
  /** Number of pages in which it begins, in total and by kind. */
  readonly pages: number;
  readonly kinds: Readonly<Partial<Record<PageKind, number>>>;
  /** How often it was found outside of pages. */
  readonly outsidePages: number;
}

/** The result of an audit. */
export interface AuditResult {
  readonly files: readonly string[];
  readonly description: string;
  readonly kernelRelease: string | undefined;
  readonly pageSize: number;
  /** Number of pages of the dump. */
  readonly pages: number;
  /** Pages whose content cannot be read or, in a machine's memory, must not be read: their content is not known. */
  readonly damagedPages: number;
  /** The dump whose struct pages gave the kinds. */
  readonly classifiedBy: "dump" | "original" | "dump and original" | "nothing";
  /** The kinds of pages that the dump has. */
  readonly kinds: readonly KindCount[];
  /** Pages, not all zeros, that contain or may contain user data. */
  readonly userDataPages: number;
  /** Pages, not all zeros, that could not be classified. */
  readonly unknownPages: number;
  /** One entry for each secret; `undefined` if none were given. */
  readonly secrets: readonly SecretCount[] | undefined;
  /** Places ordered by pfn, then those outside of pages; at most `mostPlaces`. */
  readonly places: readonly SecretPlace[];
  readonly placesLeftOut: number;
  /** Bytes that were searched: of memory, and of the files outside of pages. */
  readonly memoryBytes: number;
  readonly outsideBytes: number;
  /**
   * With the option `rules`: the text of erase rules for everything that was found in pages, notes and eraseinfo;
   * `undefined` if nothing was found.
   */
  readonly rules?: string | undefined;
  /** Whether nothing was found, and nothing was in doubt. */
  readonly clean: boolean;
  readonly warnings: readonly DumpWarning[];
}
