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

/** A file, plain or packed as a whole: `zstd -d` gives the dump. */
export interface FileOutput {
  readonly path: string;
  readonly force?: boolean;
  /** Whether to wait until the disk has the file before it gets its name. */
  readonly sync?: boolean;
  /**
   * Packs the file as zstd, lz4 or gzip does. For kdump output, page data are then kept in a temporary file meanwhile.
   */
  readonly pack?: Packing | undefined;
  /**
   * Called when the file has its name, with its device and inode number: what has that name later may be another file.
   */
  readonly onNamed?: ((file: { readonly dev: bigint; readonly ino: bigint }) => void) | undefined;
}

/** A split set as makedumpfile writes it, in files of about as many pages each; for kdump only. */
export interface SplitOutput extends Omit<FileOutput, "path" | "onNamed"> {
  readonly paths: readonly string[];
}

/** A stream. It is not ended by the run. */
export interface StreamOutput {
  readonly stream: NodeJS.WritableStream;
  /** Its name in messages. */
  readonly name?: string;
  /**
   * Writes the dump itself, instead of its flattened form. Kdump output is then kept in a temporary file until it is
   * complete.
   */
  readonly plain?: boolean;
  readonly pack?: Packing | undefined;
}

/** A sink of the caller's. @internal */
export interface SinkOutput {
  readonly sink: Sink;
}

/**
 * The destination of the output: a file, a stream (in flattened format, which needs no seeking, or plain), or nothing.
 */
export type FilterOutput =
  | FileOutput
  | SplitOutput
  | StreamOutput
  /** No output: for a run that only finds out what would be written. */
  | { readonly discard: true; readonly name: string }
  | SinkOutput;

/**
 * The progress of a run. Phases follow each other; not every run has all of them. `find` is the search of memory for
 * the kernel of a dump without VMCOREINFO.
 */
export interface FilterProgress {
  readonly phase: "find" | "classify" | "extend" | "check" | "search" | "zero" | "write";
  /** Pages done, and all pages of this phase. */
  readonly done: number;
  readonly total: number;
}

/** How to filter a dump, and the destination. */
export interface FilterOptions extends CompleteOptions {
  /** Levels to try, one after the other, if the output has no room at `level`. Not for streams. */
  readonly fallbackLevels?: readonly number[];
  /** The most bytes of the output. If it needs more, it counts as full. */
  readonly sizeLimit?: number;
  /**
   * What to do if there is no room at the last of the levels: leave nothing (default), or leave a valid dump of the
   * pages written until then, marked incomplete. Not for streams.
   */
  readonly onFull?: "nothing" | "incomplete";
  /** A string is the name of a file. */
  readonly output: FilterOutput | string;
  /**
   * The temporary files of outputs that cannot be written in any order. Default: next to the output file; for streams,
   * in the system's temporary folder.
   */
  readonly spool?: SpoolOptions;
  /** makedumpfile's dump level, 0 to 31. Default: 31. */
  readonly level?: number;
  /**
   * Keeps only pages that certainly are the kernel's, of any class; needs level 31. With "strict", text and payload in
   * these pages are also overwritten, except in the kernel's image and log. docs/privacy.md describes it.
   */
  readonly privacy?: boolean | "strict";
  /** What `privacy` overwrites in addition to what it always overwrites: users' registers, terminals' buffers. */
  readonly privacyExtra?: readonly PrivacyExtra[];
  /** Text that "strict" does not overwrite: `comm`, the names of tasks. */
  readonly privacyKeep?: readonly PrivacyKeep[];
  /** Rules that overwrite the kernel's data in kept pages; docs/erase.md describes them. */
  readonly erase?: EraseFile;
  /**
   * Also drops the kernel's memory that has only struct pages of dropped pages: makedumpfile's `-e`. Debuggers then
   * know nothing of those pages, and a dump without them cannot be filtered again by their struct pages. Default:
   * false.
   */
  readonly excludeUnusedVmemmap?: boolean;
  /** Decides about pages in addition to the level; docs/library.md describes it. */
  readonly extension?: ExtensionFile;
  /** docs/formats.md lists what each format can contain. Default: kdump. */
  readonly format?: OutputFormat;
  /**
   * A codec, or its name for its default level. Default: zlib in kdump; none in other formats and in packed outputs.
   */
  readonly codec?: Codec | CodecName;
  /** Lets equal pages share one copy of their bytes in the file. For kdump only. */
  readonly dedupe?: boolean;
  /** The number of worker threads to start for this run, or existing threads, which stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  /** Where the run's warnings go: give the `Warnings` that `openDump` was given, and one list has all. */
  readonly warnings?: Warnings;
  /** Stops the run: it ends with an `ABORTED` error and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** Called from time to time. */
  readonly onProgress?: (progress: FilterProgress) => void;
  /** Watches the pages that are written, for a report. @internal */
  readonly observer?: RunObserver;
}

/** The options of a run with defaults filled in. */
export interface WholeFilterOptions extends FilterOptions {
  readonly output: FilterOutput;
  readonly level: number;
  readonly format: OutputFormat;
  readonly codec: Codec;
}

/**
 * The error codes that mean that the output is full: NO_SPACE for the disk, a quota or the store; SIZE_LIMIT for the
 * allowed size.
 */
export type FullBy = Extract<DumpErrorCode, "NO_SPACE" | "SIZE_LIMIT">;

/** What a run found and did. Numbers are pages unless stated otherwise. */
export interface FilterResult {
  /** The kernel, if its struct pages could be used. */
  readonly kernelRelease: string | undefined;
  readonly memoryModel: string | undefined;
  /** The dumped machine; for a memory image the machine that was found. */
  readonly arch: Arch;
  readonly pageSize: number;
  /** Level of the output, including that of earlier filterings of the input. */
  readonly level: number;
  readonly maxMapnr: number;
  /** Pages that the input has. */
  readonly inputPages: number;
  /** Pages dropped, by class; `kept` are the others. */
  readonly classes: ClassCounts;
  /** For an input that was filtered before: the pages that it lacks. They are in none of the other numbers. */
  readonly filteredBefore?: FilteredBefore;
  /** For a run with `privacy`. */
  readonly privacy?: PrivacyResult;
  /** For a run with `erase`. */
  readonly erase?: EraseResult;
  /** For a run with `extension`. */
  readonly extension?: ExtensionResult;
  /** Pages of the input beyond the last one with a struct page (firmware ROMs), which were left out. */
  readonly beyondMemMap: number;
  /** Pages kept because nothing could be found out about them. */
  readonly unclassified: number;
  /** Pages of a damaged input that cannot be read, which were left out. */
  readonly unreadable: number;
  /** Whether the output lacks pages that it should have; its header says so. */
  readonly incomplete: boolean;
  /** Pages that should be in the output but had no room, with `onFull: "incomplete"`. They are counted in `classes`. */
  readonly notWritten: number;
  /** The error that says why the output was full, if it was. */
  readonly full: string | undefined;
  /** The code of that error. */
  readonly fullBy: FullBy | undefined;
  /** Pages that share the bytes of an equal page, with `dedupe`. They are counted in `classes` like all others. */
  readonly shared: SharedCounts | undefined;
  /** Bytes of the input files, unpacked, and of the output, as stored or sent. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** For a packed output: its size when unpacked. */
  readonly unpackedBytes?: number;
  /** For a LiME image or bare memory: bytes that were not written, and read as zeros. */
  readonly holeBytes?: number;
  /** For bare memory: the ranges where the machine has memory. The rest of the file are holes. */
  readonly memory?: readonly PhysicalRange[];
  /** For inputs in object stores: dropped pages are not fetched. */
  readonly fetched?: FetchedBytes;
  /** For an output in an object store. */
  readonly upload?: UploadCounts;
  readonly warnings: readonly DumpWarning[];
}
