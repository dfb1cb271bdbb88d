/** A file in an archive that is read as a stream. */
export interface ArchiveEntry {
  readonly name: string;
  /** Its bytes. They are read to their end, or given up (`return`), before the next entry is asked for: the archive goes on behind them all the same. */
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

/** The files of an archive in its order; what is no file (folders, links) is left out. */
export type ArchiveEntries = AsyncGenerator<ArchiveEntry, void, undefined>;

/** Entries of an archive that are looked at: the largest sosreports have some hundred thousand. */
export const MAX_ENTRIES = 2 ** 22;
