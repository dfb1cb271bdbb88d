/** One level of page tables: bits [shift, shift + bits) of an address select the entry. */
export interface TableLevel {
  readonly shift: number;
  readonly bits: number;
}

/** Where page tables are and how addresses index them: the same for all architectures. */
export interface TableShape {
  /** Physical address of the top table. */
  readonly root: number;
  /** From the top down. */
  readonly levels: readonly TableLevel[];
  /** Bytes of an entry. */
  readonly entrySize: 4 | 8;
  /** Byte order of entries: not always that of the machine's other data. */
  readonly littleEndian: boolean;
}

/** What an entry leads to: the table below, or a page of 2^shift bytes; physical addresses. */
export type Step = { readonly table: number } | { readonly page: number; readonly shift: number };

/** Decodes an entry. `level` counts from the top, which is 0. `undefined` for entries that map nothing. */
export type DecodeEntry = (entry: bigint, level: number) => Step | undefined;

/** Page tables and how to read them: enough to go through every entry. */
export interface PageTables {
  readonly shape: TableShape;
  readonly decode: DecodeEntry;
}
