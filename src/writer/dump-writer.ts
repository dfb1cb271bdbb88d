/** Encoded pages in ascending order: the kept pages in [startPfn, endPfn). */
export interface EncodedPages {
  readonly startPfn: number;
  readonly endPfn: number;
  /** One record per page: see page-record.ts. */
  readonly records: Uint32Array;
  /** HASH_WORDS per page. Only where a writer was asked to let equal pages share their bytes do they mean anything. */
  readonly hashes: Uint32Array;
  /** The bytes of all pages behind each other; valid until the call returns. The writer may move them about. */
  readonly data: Uint8Array;
}

/** Lays encoded pages out in a file of one format. */
export interface DumpWriter {
  /** Writes everything that stands before the first page's data. */
  begin(): Promise<void>;
  /** Must be called with ascending, disjoint ranges. */
  add(pages: EncodedPages): void | Promise<void>;
  /** Writes what remains. Returns the file's length. */
  end(): Promise<number>;
  /**
   * Takes the space for all that stands before the first page's data, so that `cutShort` needs none. After `begin`. Like that one it is only
   * there if the output can be cut short.
   */
  reserve?(): Promise<void>;
  /**
   * When `add` has failed because the output is full: makes a whole dump, marked incomplete, of the pages written until then. Needs
   * `reserve` before the first `add`.
   */
  cutShort?(): Promise<WrittenPart>;
}

/** What is in a dump that was cut short. */
export interface WrittenPart {
  /** The file's length in bytes. */
  readonly size: number;
  readonly pages: number;
  /** Pages of zeros among them that have no bytes of their own. */
  readonly zeroPages: number;
}
