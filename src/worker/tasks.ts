import type { Codec } from "../codec/codecs.js";
import type { WasmMemory } from "../codec/wasm/encode/load.js";
import type { DumpErrorCode, PlainDumpError } from "../errors.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { ScanPolicy } from "../filter/policy.js";
import type { StackTops } from "../filter/privacy/stack-tops.js";
import type { StrictPages } from "../filter/privacy/strict/strict-pages.js";
import type { TextSearch } from "../filter/text/text-search.js";
import type { SpaceImage } from "../kernel/kernel-view.js";
import type { MemMap } from "../kernel/page/mem-map.js";
import type { PageLayout } from "../kernel/page/page-layout.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { DumpImage } from "../reader/dump.js";
import type { PageBytes } from "../reader/page-bytes.js";
import type { ExtensionContext } from "./extension/extension-context.js";
import type { SlotLayout } from "./slots.js";

/** What the tasks of one run have in common. A worker keeps the context of its last run. */
export interface WorkerContext {
  /** Identifies a run within the process. */
  readonly id: number;
  readonly image: DumpImage;
  /** The dump to compare with. */
  readonly other?: DumpImage;
  readonly pageSize: number;
  /** Bitmap of all pages that go into the output, in shared memory. A task owns whole bytes of it. */
  readonly kept: PageBitmap;
  /** What pass 1 needs; `undefined` for runs without pass 1. */
  readonly kernel: ScanContext | undefined;
  readonly memory: WasmMemory;
  readonly layout: SlotLayout;
  readonly codec: Codec;
  /** Whether pass 2 hashes the pages, so that the writer can let equal ones share their bytes. */
  readonly dedupe: boolean;
  /** Data that are overwritten in pages before anything else is done with them. Absent: none. */
  readonly erase?: readonly EraseSpans[];
  /** Texts to search for before anything is written. */
  readonly search?: TextSearch;
  /** Where users' registers are overwritten. Absent: nowhere. */
  readonly stackTops?: StackTops;
  /** What `--privacy strict` keeps in pages. Absent: everything that the other rules leave. */
  readonly strict?: StrictPages;
  /**
   * For comparing: byte values that erased data were filled with. Pages that differ only in such bytes are counted
   * separately.
   */
  readonly fills?: readonly number[];
  /** The extension that also decides about pages. */
  readonly extension?: ExtensionContext;
  /** One number in shared memory: not 0 when the run has ended, so that its tasks can be skipped. */
  readonly ended: Int32Array;
}

export interface ScanContext {
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly pageLayout: PageLayout;
  readonly policy: ScanPolicy;
  /** One byte per page in shared memory, if the caller wants class numbers too. */
  readonly classes?: PageBytes;
}

/** Pass 1: classify the pages [startPfn, endPfn) and clear the bits of those to drop. */
export interface ScanTask {
  /** A multiple of 8. So is `endPfn`, except in the last task. */
  readonly startPfn: number;
  readonly endPfn: number;
}

export interface ScanResult {
  /** Dropped pages by class number. */
  readonly dropped: readonly number[];
  /** Pages that exist but whose struct page could not be read. */
  readonly unreadable: number;
  /** Pages that exist but have no struct page. */
  readonly withoutStructPage: number;
  readonly badOrders: number;
  /** A block that reaches beyond the task's end. */
  readonly rest: { readonly startPfn: number; readonly endPfn: number; readonly pageClass: number } | undefined;
}

/** After pass 1: lets the extension decide about the pages of a range. An empty range: only loads it. */
export type ExtendTask = ScanTask;

export interface ExtendResult {
  /** Pages that it dropped although they were kept. */
  readonly dropped: number;
  /** Pages that it kept although they were dropped, by class number. */
  readonly kept: readonly number[];
  /** Pages that it wanted to keep but must not. */
  readonly refused: number;
}

/** Between the passes, for formats without a shared zero page: clear the bits of pages that are all zero. */
export interface ZeroTask {
  readonly startPfn: number;
  readonly endPfn: number;
  readonly slot: number;
}

export interface ZeroResult {
  readonly slot: number;
  readonly zeroPages: number;
}

/**
 * Before damaged dumps are written, and to verify a dump: reads all pages of a range and clears the bits of unreadable
 * ones.
 */
export interface CheckTask {
  readonly startPfn: number;
  readonly endPfn: number;
}

export interface CheckResult {
  readonly pages: number;
  readonly unreadable: number;
  /** Pages that were read and are all zeros. */
  readonly zeros: number;
  /** The first of them. */
  readonly faults: readonly PageFault[];
}

/** Between the passes: searches the kept pages of a range for the texts of erase rules. */
export type SearchTask = CheckTask;

export interface SearchResult {
  readonly pages: number;
  /** MATCH_NUMBERS for each match; matches that touch are joined. Addresses are physical. */
  readonly matches: Float64Array;
  /** How many texts of each rule begin in these pages. */
  readonly counts: Float64Array;
  /** HALF_NUMBERS for each half of a text at the border of a page. */
  readonly halves: Float64Array;
}

/** Compares all pages of a range with those of `WorkerContext.other`. */
export type CompareTask = CheckTask;

export interface CompareResult {
  readonly pages: number;
  readonly different: number;
  /** Pages that differ only in filled bytes; not counted in `different`. */
  readonly erased: number;
  /** The pfns of some of the different pages. */
  readonly differing: readonly number[];
  /** Pages that could not be compared because one of the dumps cannot provide them. */
  readonly unreadable: number;
}

/** Why a page cannot be read. */
export interface PageFault {
  readonly pfn: number;
  readonly code: DumpErrorCode;
  /** One line for people: the fault, the file, the cure. */
  readonly message: string;
  /** The fault alone. */
  readonly reason: string;
  /** File offset, if it is known. */
  readonly offset: number | undefined;
}

/** Pass 2: read, compress and pack the kept pages in [startPfn, endPfn) into a slot. */
export interface EncodeTask {
  readonly startPfn: number;
  readonly endPfn: number;
  readonly slot: number;
  /** Whether pages of zeros become ZERO_PAGE records instead of bytes. */
  readonly dropZeros: boolean;
}

export interface EncodeResult {
  readonly startPfn: number;
  readonly endPfn: number;
  readonly slot: number;
  readonly pages: number;
  readonly zeroPages: number;
  /** Bytes of these pages that `--privacy strict` set to 0. */
  readonly cleared: number;
  /** Where in the shared memory the packed bytes are. */
  readonly offset: number;
  readonly length: number;
}

/** A request to a worker. The context is left out at first; a worker that does not have it asks for it, once. */
export interface Request<T> {
  readonly contextId: number;
  readonly context: WorkerContext | undefined;
  readonly task: T;
}

/** A worker's answer: errors cross threads as plain data. */
export type Answer<R> = { readonly result: R } | { readonly failure: PlainDumpError } | { readonly needsContext: true };
