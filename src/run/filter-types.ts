import type { Codec, CodecName } from "../codec/codecs.js";
import type { DumpErrorCode } from "../errors.js";
import type { EraseResult } from "../filter/erase/erase-run.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import type { ClassCounts } from "../filter/page-classes.js";
import type { PrivacyExtra, PrivacyKeep } from "../filter/privacy/privacy-names.js";
import type { PrivacyResult } from "../filter/privacy/privacy-result.js";

import type { CompleteOptions } from "../kernel/complete-own.js";
import type { Arch } from "../reader/machine.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import type { FetchedBytes } from "../reader/source/fetched.js";
import type { Packing } from "../reader/source/packed/packing.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import type { UploadCounts } from "../store/upload.js";
import type { DumpWarning, Warnings } from "../warnings.js";
import type { ExtensionFile, ExtensionResult } from "../worker/extension/extension.js";
import type { RunObserver } from "../worker/run-observer.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { OutputFormat } from "../writer/output-format.js";
import type { SharedCounts } from "../writer/shared-pages.js";
import type { Sink } from "../writer/sink.js";
import type { FilteredBefore } from "./filtered-before.js";

/** A file, as it is or packed as a whole: `zstd -d` gives the dump. */
export interface FileOutput {
  readonly path: string;
  readonly force?: boolean;
  /** Wait until the disk has it, before it gets its name. */
  readonly sync?: boolean;
  /** Packs the file as zstd, lz4 or gzip does. Of kdump output page data are then kept in a temporary file on the way. */
  readonly pack?: Packing | undefined;
}

/** A split set as makedumpfile writes it, in files of about as many pages each; for kdump only. */
export interface SplitOutput extends Omit<FileOutput, "path"> {
  readonly paths: readonly string[];
}

/** A stream. It is not ended. */
export interface StreamOutput {
  readonly stream: NodeJS.WritableStream;
  /** What it is called in messages. */
  readonly name?: string;
  /** The dump itself, instead of its flattened form. Kdump output is then kept in a temporary file until all is known. */
  readonly plain?: boolean;
  readonly pack?: Packing | undefined;
}

/** A place of the caller's. @internal */
export interface SinkOutput {
  readonly sink: Sink;
}

/** Where the output goes: a file, a stream (in flattened format, which needs no seeking, or plain), or nowhere. */
export type FilterOutput =
  | FileOutput
  | SplitOutput
  | StreamOutput
  /** Nowhere: for a run that only finds out what would be written. */
  | { readonly discard: true; readonly name: string }
  | SinkOutput;

/** How far a run is. Phases follow each other; not every run has each of them. */
export interface FilterProgress {
  readonly phase: "classify" | "extend" | "check" | "search" | "zero" | "write";
  /** Pages done and in all, of this phase. */
  readonly done: number;
  readonly total: number;
}

/** How a dump is filtered, and where to. */
export interface FilterOptions extends CompleteOptions {
  /** Levels to take in turn when the output has no room at `level`. Not for streams. */
  readonly fallbackLevels?: readonly number[];
  /** Most bytes of the output; beyond that it counts as full. */
  readonly sizeLimit?: number;
  /**
   * What becomes of an output for which there is no room, at the last of the levels: nothing is left (default), or a whole dump of
   * the pages written until then, marked incomplete. Not for streams.
   */
  readonly onFull?: "nothing" | "incomplete";
  /** A name is that of a file. */
  readonly output: FilterOutput | string;
  /** The temporary files of outputs that cannot be written in any order; if nothing is said beside the file, or for streams in the system's folder. */
  readonly spool?: SpoolOptions;
  /** makedumpfile's dump level, 0 to 31. Default: 31. */
  readonly level?: number;
  /**
   * Keeps only what is the kernel's beyond doubt, of any class; needs level 31. With "strict" no text and no payload stays in those pages either,
   * outside of the kernel's image and log. docs/privacy.md says what that is.
   */
  readonly privacy?: boolean | "strict";
  /** What `privacy` overwrites beyond what it does by itself: users' registers, terminals' buffers. */
  readonly privacyExtra?: readonly PrivacyExtra[];
  /** What stays with "strict" although it is text: `comm`, the names of tasks. */
  readonly privacyKeep?: readonly PrivacyKeep[];
  /** Rules by which the kernel's data in kept pages are overwritten: docs/erase.md has their form. */
  readonly erase?: EraseFile;
  /**
   * Drops also the kernel's memory that holds nothing but struct pages of dropped pages: makedumpfile's `-e`. Debuggers then know nothing of
   * those pages, and a dump without them cannot be filtered again by what they said. Default: false.
   */
  readonly excludeUnusedVmemmap?: boolean;
  /** Decides about pages beside the level: docs/library.md says how. */
  readonly extension?: ExtensionFile;
  /** docs/formats.md says what each has a place for. Default: kdump. */
  readonly format?: OutputFormat;
  /** A codec, or its name for its usual level. Default: zlib in kdump; none in other formats and in packed outputs. */
  readonly codec?: Codec | CodecName;
  /** Lets equal pages share one copy of their bytes in the file. For kdump only. */
  readonly dedupe?: boolean;
  /** Worker threads to start for this run, or threads that are there already and stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  /** Warnings of opening the dump go on here. */
  readonly warnings?: Warnings;
  /** Stops the run: it ends with an `ABORTED` error and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: FilterProgress) => void;
  /** Looks on while pages are written, for a report. @internal */
  readonly observer?: RunObserver;
}

/** The options of a run with what was left open filled in. */
export interface WholeFilterOptions extends FilterOptions {
  readonly output: FilterOutput;
  readonly level: number;
  readonly format: OutputFormat;
  readonly codec: Codec;
}

/** Codes of the errors that an output is full with: the disk, a quota or the store; the size that was allowed. */
export type FullBy = Extract<DumpErrorCode, "NO_SPACE" | "SIZE_LIMIT">;

/** What a run found and did. Numbers are pages if not said otherwise. */
export interface FilterResult {
  /** The kernel, if its struct pages could be used. */
  readonly kernelRelease: string | undefined;
  readonly memoryModel: string | undefined;
  /** The dumped machine; of a memory image the one that was found. */
  readonly arch: Arch;
  readonly pageSize: number;
  /** Level of the output: that of the input's earlier filterings included. */
  readonly level: number;
  readonly maxMapnr: number;
  /** Pages that the input has. */
  readonly inputPages: number;
  /** Pages dropped by class; `kept` are the others. */
  readonly classes: ClassCounts;
  /** Of an input that was filtered before: what it lacks. These pages are in none of the other numbers. */
  readonly filteredBefore?: FilteredBefore;
  /** Of a run with `privacy`. */
  readonly privacy?: PrivacyResult;
  /** Of a run with `erase`. */
  readonly erase?: EraseResult;
  /** Of a run with `extension`. */
  readonly extension?: ExtensionResult;
  /** Pages of the input beyond the last one with a struct page (firmware ROMs), which were left out. */
  readonly beyondMemMap: number;
  /** Pages kept because nothing could be found out about them. */
  readonly unclassified: number;
  /** Pages of a damaged input that cannot be read, which were left out. */
  readonly unreadable: number;
  /** The output lacks pages that it should have, and says so in its header. */
  readonly incomplete: boolean;
  /** Pages that should be in the output and had no room, with `onFull: "incomplete"`. They are counted in `classes`. */
  readonly notWritten: number;
  /** The error of the output that was full, if so. */
  readonly full: string | undefined;
  /** The code of that error. */
  readonly fullBy: FullBy | undefined;
  /** Pages that share the bytes of an equal one, if that was asked for. They are counted in `classes` like all others. */
  readonly shared: SharedCounts | undefined;
  /** Bytes of the input files, unpacked, and of the output: as they lie there or were sent. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Of a packed output: the bytes that are in it. */
  readonly unpackedBytes?: number;
  /** Of a LiME image or bare memory: bytes of it that were not written, and read as zeros. */
  readonly holeBytes?: number;
  /** Of bare memory: where the machine has memory; what else the file has are holes. */
  readonly memory?: readonly PhysicalRange[];
  /** Of inputs in object stores: dropped pages are not fetched. */
  readonly fetched?: FetchedBytes;
  /** Of an output in an object store. */
  readonly upload?: UploadCounts;
  readonly warnings: readonly DumpWarning[];
}
