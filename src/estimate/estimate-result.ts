import type { CodecName } from "../codec/codecs.js";
import type { PageClass } from "../filter/page-classes.js";
import type { DumpWarning } from "../warnings.js";

/** What filtering a dump would give. */
export interface EstimateResult {
  readonly files: readonly string[];
  readonly kernelRelease: string | undefined;
  readonly pageSize: number;
  /** Bytes of the input files. */
  readonly inputBytes: number;
  /** Pages that the input has, and those of each class at level 31; zero pages are not told apart. */
  readonly inputPages: number;
  readonly classes: Readonly<Partial<Record<PageClass, number>>>;
  /** Pages that were read and compressed. */
  readonly sampledPages: number;
  /** One per dump level that the dump can be filtered at, ascending. */
  readonly levels: readonly LevelEstimate[];
  readonly warnings: readonly DumpWarning[];
}

/** The outputs of one dump level. */
export interface LevelEstimate {
  readonly level: number;
  /**
   * Pages that a run keeps, as its summary counts them: at odd levels those of zeros are not among them. Then the number is expected, from the
   * sample, and is between `pages - pagesError` and `pages + pagesError` in 99 of 100 dumps at least; else it is counted.
   */
  readonly pages: number;
  readonly pagesError: number;
  /** The expected number of pages of zeros, which at odd levels share the bytes of one. */
  readonly zeroPages: number;
  /** Kdump-compressed files. */
  readonly sizes: readonly SizeEstimate[];
  /**
   * The bytes of pages in a LiME image, bare memory or an ELF file, between `memoryBytes - memoryError` and `memoryBytes + memoryError` as often. Headers and
   * holes, which take no room on most file systems, come on top.
   */
  readonly memoryBytes: number;
  readonly memoryError: number;
}

/** The file's size with one codec. */
export interface SizeEstimate {
  readonly codec: CodecName;
  /** Expected bytes of the file. */
  readonly bytes: number;
  /** The file has between `bytes - error` and `bytes + error` bytes, in 99 of 100 dumps at least. */
  readonly error: number;
}
