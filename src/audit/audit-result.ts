import type { PageKind } from "../kernel/page/page-kinds.js";
import type { DumpWarning } from "../warnings.js";
import type { PageOwner } from "./page-owner.js";
import type { FilePlace } from "./search-file.js";

/** Pages of one kind that a dump has. */
export interface KindCount {
  readonly kind: PageKind;
  readonly verdict: "kernel" | "user data" | "unknown";
  readonly pages: number;
  /** Of them all zeros, or all of the byte that erasing writes: nothing to find there. */
  readonly zeroPages: number;
}

/** A secret in a page. Several times in one page is one place. */
export interface PagePlace {
  readonly where: "page";
  readonly pfn: number;
  /** Bytes from the page's start to the first one. */
  readonly offset: number;
  /** How often it begins in this page. */
  readonly count: number;
  /** Whether one of them reaches into the page behind. */
  readonly crossesPages: boolean;
  readonly kind: PageKind;
  /** The word in the struct page's `mapping` where it tells an owner: an anon_vma (bit 0 set) or address_space. */
  readonly mapping?: string;
  /** Whose the page is, where the kernel's data tell. */
  readonly owner?: PageOwner;
}

/** Where a secret was found; it is named by its line. */
export type SecretPlace = { readonly line: number } & (PagePlace | FilePlace);

/** How often one secret was found. */
export interface SecretCount {
  readonly line: number;
  /** Its length in bytes. */
  readonly length: number;
  readonly found: number;
  /** Pages in which it begins, in all and by kind. */
  readonly pages: number;
  readonly kinds: Readonly<Partial<Record<PageKind, number>>>;
  /** How often it was found outside of pages. */
  readonly outsidePages: number;
}

/** What an audit found. */
export interface AuditResult {
  readonly files: readonly string[];
  readonly description: string;
  readonly kernelRelease: string | undefined;
  readonly pageSize: number;
  /** Pages that the dump has. */
  readonly pages: number;
  /** Pages whose content cannot be read, or of a machine's memory may not be: nothing is known of it. */
  readonly damagedPages: number;
  /** Where the struct pages were read that tell the kinds. */
  readonly classifiedBy: "dump" | "original" | "dump and original" | "nothing";
  /** Kinds of which the dump has pages. */
  readonly kinds: readonly KindCount[];
  /** Pages, not all zeros, that hold or may hold what users wrote. */
  readonly userDataPages: number;
  /** Pages, not all zeros, that could not be classified. */
  readonly unknownPages: number;
  /** One for each secret; `undefined` if none were given. */
  readonly secrets: readonly SecretCount[] | undefined;
  /** Places by pfn, then those outside of pages; at most as many as asked for. */
  readonly places: readonly SecretPlace[];
  readonly placesLeftOut: number;
  /** Bytes of memory, and of the files outside of pages, that were looked at. */
  readonly memoryBytes: number;
  readonly outsideBytes: number;
  /** Where `rules` were asked for: the text of erase rules for all that was found in pages, notes and eraseinfo; `undefined` if that is nothing. */
  readonly rules?: string | undefined;
  /** Nothing was found, and nothing was in doubt. */
  readonly clean: boolean;
  readonly warnings: readonly DumpWarning[];
}
