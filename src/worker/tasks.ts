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

/** What the tasks of one run have in common. Workers keep that of the last run. */
export interface WorkerContext {
  /** Tells runs apart within a process. */
  readonly id: number;
  readonly image: DumpImage;
  /** The dump to compare it with. */
  readonly other?: DumpImage;
  readonly pageSize: number;
  /** Bitmap of all pages that go into the output, in shared memory; tasks own whole bytes of it. */
  readonly kept: PageBitmap;
  /** What pass 1 works by; `undefined` for runs without it. */
  readonly kernel: ScanContext | undefined;
  readonly memory: WasmMemory;
  readonly layout: SlotLayout;
  readonly codec: Codec;
  /** Whether the pages of pass 2 are hashed, so that the writer can let equal ones share their bytes. */
  readonly dedupe: boolean;
  /** What is overwritten in pages before they are looked at; absent: nothing. */
  readonly erase?: readonly EraseSpans[];
  /** What is searched for before anything is written. */
  readonly search?: TextSearch;
  /** Where users' registers are overwritten; absent: nowhere. */
  readonly stackTops?: StackTops;
  /** What stays of pages with `--privacy strict`; absent: all that the others leave. */
  readonly strict?: StrictPages;
  /** Comparing: bytes that erased data were filled with. Pages that differ in such bytes only are counted apart. */
  readonly fills?: readonly number[];
  /** What decides about pages beside the level. */
  readonly extension?: ExtensionContext;
  /** One number in shared memory: not 0 when the run has ended and its tasks are not worth doing. */
  readonly ended: Int32Array;
}

export interface ScanContext {
  readonly space: SpaceImage;
  readonly memMap: MemMap;
  readonly pageLayout: PageLayout;
  readonly policy: ScanPolicy;
  /** One byte per page in shared memory, where the class numbers are wanted too. */
  readonly classes?: PageBytes;
}

/** Pass 1: classify the pages [startPfn, endPfn) and clear the bits of those to drop. */
export interface ScanTask {
  /** A multiple of 8, as is `endPfn` but for the last task's. */
  readonly startPfn: number;
  readonly endPfn: number;
}

export interface ScanResult {
  /** Pages dropped per class number. */
  readonly dropped: readonly number[];
  /** Pages that are there but whose struct page could not be read. */
  readonly unreadable: number;
  /** Pages that are there but have no struct page. */
  readonly withoutStructPage: number;
  readonly badOrders: number;
  /** A block that reaches beyond the task's end. */
  readonly rest: { readonly startPfn: number; readonly endPfn: number; readonly pageClass: number } | undefined;
}

/** Behind pass 1: let the extension decide about the pages of a range; none at all: load it. */
export type ExtendTask = ScanTask;

export interface ExtendResult {
  /** Pages it dropped that were kept. */
  readonly dropped: number;
  /** Pages it kept that were dropped, per class number. */
  readonly kept: readonly number[];
  /** Pages that it may not keep. */
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

/** Before damaged dumps are written, and to verify any: read all pages of a range and clear the bits of unreadable ones. */
export interface CheckTask {
  readonly startPfn: number;
  readonly endPfn: number;
}

export interface CheckResult {
  readonly pages: number;
  readonly unreadable: number;
  /** Some of them. */
  readonly faults: readonly PageFault[];
}

/** Between the passes: search the kept pages of a range for the texts of erase rules. */
export type SearchTask = CheckTask;

export interface SearchResult {
  readonly pages: number;
  /** MATCH_NUMBERS for each match, matches that touch joined; addresses are physical. */
  readonly matches: Float64Array;
  /** How often each rule's texts begin in these pages. */
  readonly counts: Float64Array;
  /** HALF_NUMBERS for each half of a text at the border of a page. */
  readonly halves: Float64Array;
}

/** Compare all pages of a range with those of `WorkerContext.other`. */
export type CompareTask = CheckTask;

export interface CompareResult {
  readonly pages: number;
  readonly different: number;
  /** Not among those: pages in which nothing but filled bytes differs. */
  readonly erased: number;
  /** The pfns of some of those that are different. */
  readonly differing: readonly number[];
  /** Pages that could not be compared, for one of the dumps does not give them. */
  readonly unreadable: number;
}

/** Why a page cannot be read. */
export interface PageFault {
  readonly pfn: number;
  readonly code: DumpErrorCode;
  /** One line for people: what was found, the file, the cure. */
  readonly message: string;
  /** What was found about the page, without all that. */
  readonly reason: string;
  /** File offset, where that is known. */
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
  /** Bytes of them that `--privacy strict` made 0. */
  readonly cleared: number;
  /** Where in the shared memory the packed bytes are. */
  readonly offset: number;
  readonly length: number;
}

/**
 * What is sent to a worker. The context is left out at first: a worker that has not seen it asks for it, once.
 */
export interface Request<T> {
  readonly contextId: number;
  readonly context: WorkerContext | undefined;
  readonly task: T;
}

/** A worker's answer: errors cross threads as plain data. */
export type Answer<R> = { readonly result: R } | { readonly failure: PlainDumpError } | { readonly needsContext: true };
