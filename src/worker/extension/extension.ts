import type { PageClass, PrivacyClass } from "../../filter/page-classes.js";
import type { DumpedKernel } from "../../kernel/dumped-kernel.js";

/** A decision about a page: "keep" and "drop" override the level; `undefined` leaves the decision to the level. */
export type PageDecision = "keep" | "drop" | undefined;

/** An extension of a filter run: what a module has to export. Each worker thread loads it for itself. */
export interface FilterExtension {
  /**
   * Called once in each thread and run, before its first page. `kernel` is `undefined` at levels 0 and 1 of a dump
   * whose kernel is not found. `settings` are those in the run's options.
   */
  prepare?(kernel: DumpedKernel | undefined, settings: unknown): void | Promise<void>;
  /**
   * Called for each page of the dump that belongs to the kernel's memory, dropped or not, in ascending order within
   * pieces of 131,072 pages. The decision must depend on the page alone, because threads take turns. Must not be async.
   */
  decide(page: ExtensionPage): PageDecision;
}

/** An extension's file and settings. */
export interface ExtensionFile {
  /** A JavaScript module: a path or a file URL. */
  readonly path: string | URL;
  /** What `prepare` gets, as a structured clone. */
  readonly settings?: unknown;
}

/** What an extension decided. */
export interface ExtensionResult {
  /** The file's name, as the user gave it. */
  readonly file: string;
  /** Pages that were dropped although the level keeps them; their class is `extension`. */
  readonly dropped: number;
  /** Pages that were kept although the level drops them. */
  readonly kept: number;
  /**
   * Pages that the extension wanted to keep but that must not be kept: with memory errors, offline, or in a run with
   * `privacy`.
   */
  readonly refused: number;
}

/**
 * A page as an extension sees it. The same object is used for all pages: its values are valid only during the call.
 * Values from the struct page are `undefined` if the dump has no struct page for the page; they are read at the first
 * access.
 */
export interface ExtensionPage {
  /** Page frame number: physical address by page size. */
  readonly pfn: number;
  /** Physical address of its first byte. */
  readonly paddr: number;
  /** The class as which the level drops it, or `kept`. Pages of zeros have the class of their struct page. */
  readonly class: PageClass | PrivacyClass;
  /** The class's number. */
  readonly classNumber: number;
  /** The word `flags`. */
  readonly flags: bigint | undefined;
  /** The word `mapping`. */
  readonly mapping: bigint | undefined;
  /** `_mapcount` unchanged: -1 for a page that is not mapped, lower for page types. */
  readonly mapcount: number | undefined;
  /** `_refcount`. */
  readonly refcount: number | undefined;
  /** Its struct page, in the dumped machine's byte order. */
  readonly struct: DataView | undefined;
  /** Kernel virtual address of its struct page. */
  readonly structAddress: bigint | undefined;
  /**
   * Kernel virtual address of the struct page of the first page of its compound page (slab, folio); its own if it is in
   * none.
   */
  readonly headAddress: bigint | undefined;
  /** The struct page at `headAddress`. */
  readonly headStruct: DataView | undefined;
  /** Its bytes, as they are in the dump. Throws `DumpError`s for pages that cannot be decoded. */
  read(): Uint8Array;
}
