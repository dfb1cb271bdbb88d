import type { CodecName } from "../codec/codecs.js";
import type { PageClass } from "../filter/page-classes.js";
import type { DumpWarning } from "../warnings.js";

/** What outputs of a dump would be like. */
export interface EstimateResult {
  readonly files: readonly string[];
  readonly kernelRelease: string | undefined;
  readonly pageSize: number;
  /** Bytes of the input files. */
  readonly inputBytes: number;
  /** Pages of the input, and how many are in each class at level 31. Zero pages are not counted separately. */
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
   * Pages that a run keeps, as its summary counts them. At odd levels pages of zeros are not among them; then the
   * number is estimated from the sample, and is between `pages - pagesError` and `pages + pagesError` in at least 99 of
   * 100 dumps. Otherwise it is counted.
   */
  readonly pages: number;
  readonly pagesError: number;
  /** The estimated number of pages of zeros. At odd levels they share the bytes of one page. */
  readonly zeroPages: number;
  /** Sizes of kdump-compressed files. */
  readonly sizes: readonly SizeEstimate[];
  /**
   * Bytes of pages in a LiME image, bare memory or an ELF file: between `memoryBytes - memoryError` and `memoryBytes +
   * memoryError`, equally certain. Headers are not included, nor holes, which take no room on most file systems.
   */
  readonly memoryBytes: number;
  readonly memoryError: number;
}

/** The size of the file with one codec. */
export interface SizeEstimate {
  readonly codec: CodecName;
  /** Estimated bytes of the file. */
  readonly bytes: number;
  /** The file has between `bytes - error` and `bytes + error` bytes, in at least 99 of 100 dumps. */
  readonly error: number;
}
