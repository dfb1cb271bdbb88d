import type { PageClass, PrivacyClass } from "../../filter/page-classes.js";
import type { DumpedKernel } from "../../kernel/dumped-kernel.js";

/** What is done with a page: "keep" and "drop" go before the level; `undefined` leaves it to that. */
export type PageDecision = "keep" | "drop" | undefined;

/** An extension of a filter run: what a module has to export. Each worker thread loads it for itself. */
export interface FilterExtension {
  /**
   * Called once in each thread and run, before its first page. `kernel` is `undefined` at levels 0 and 1 of a dump whose kernel
   * is not found. `settings` are those of the run's options.
   */
  prepare?(kernel: DumpedKernel | undefined, settings: unknown): void | Promise<void>;
  /**
   * Called for each page of the dump that the kernel's memory has, dropped or not, in ascending order within pieces of 131,072
   * pages. The answer must depend on the page alone: threads take turns. Must not be async.
   */
  decide(page: ExtensionPage): PageDecision;
}

/** An extension's file, and what it is told. */
export interface ExtensionFile {
  /** A JavaScript module: a path or a file URL. */
  readonly path: string | URL;
  /** What `prepare` gets, as a structured clone. */
  readonly settings?: unknown;
}

/** What an extension decided. */
export interface ExtensionResult {
  /** The file's name as it was given. */
  readonly file: string;
  /** Pages that were dropped though the level keeps them; they are the class `extension`. */
  readonly dropped: number;
  /** Pages that were kept though the level drops them. */
  readonly kept: number;
  /** Pages that were to be kept but may not be: with memory errors, offline, or in a run with `privacy`. */
  readonly refused: number;
}

/**
 * A page as an extension sees it. One object for all pages: it and all that it gives are true during the call only. What needs the
 * struct page is `undefined` where the dump has none for the page, and it is read when first asked for.
 */
export interface ExtensionPage {
  /** Page frame number: physical address by page size. */
  readonly pfn: number;
  /** Physical address of its first byte. */
  readonly paddr: number;
  /** What the level drops it as, or `kept`. Pages of zeros have the class that they have otherwise. */
  readonly class: PageClass | PrivacyClass;
  /** The class's number. */
  readonly classNumber: number;
  /** The word `flags`. */
  readonly flags: bigint | undefined;
  /** The word `mapping`. */
  readonly mapping: bigint | undefined;
  /** `_mapcount` as it is: -1 for a page that is not mapped, less for page types. */
  readonly mapcount: number | undefined;
  /** `_refcount`. */
  readonly refcount: number | undefined;
  /** Its struct page, in the dumped machine's byte order. */
  readonly struct: DataView | undefined;
  /** Kernel virtual address of its struct page. */
  readonly structAddress: bigint | undefined;
  /** Kernel virtual address of the struct page of the compound page's (slab's, folio's) first page: its own, if it is in none. */
  readonly headAddress: bigint | undefined;
  /** The struct page there. */
  readonly headStruct: DataView | undefined;
  /** Its bytes, as the dump has them. Throws `DumpError`s for pages that cannot be decoded. */
  read(): Uint8Array;
}
