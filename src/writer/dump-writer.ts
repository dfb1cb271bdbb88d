/** Encoded pages in ascending order: the kept pages in [startPfn, endPfn). */
export interface EncodedPages {
  readonly startPfn: number;
  readonly endPfn: number;
  /** One record per page: see page-record.ts. */
  readonly records: Uint32Array;
  /** HASH_WORDS per page. Meaningful only if the writer lets equal pages share their bytes. */
  readonly hashes: Uint32Array;
  /** The bytes of all pages without gaps; valid until the call returns. The writer may move them. */
  readonly data: Uint8Array;
}

/** Writes encoded pages to a file of one format. */
export interface DumpWriter {
  /** Writes everything before the first page's data. */
  begin(): Promise<void>;
  /** Must be called with ascending, disjoint ranges. */
  add(pages: EncodedPages): void | Promise<void>;
  /** Writes the rest. Returns the file's length. */
  end(): Promise<number>;
  /**
   * Reserves the space for everything before the first page's data, so that `cutShort` needs none. Call it after
   * `begin`. Like `cutShort`, it exists only if the output can be cut short.
   */
  reserve?(): Promise<void>;
  /**
   * After `add` failed because the output is full: makes a valid dump, marked incomplete, of the pages written so far.
   * Needs `reserve` before the first `add`.
   */
  cutShort?(): Promise<WrittenPart>;
}

/** The content of a dump that was cut short. */
export interface WrittenPart {
  /** The file's length in bytes. */
  readonly size: number;
  readonly pages: number;
  /** Pages of zeros among them that have no bytes of their own. */
  readonly zeroPages: number;
}
