/** A file in an archive that is read as a stream. */
export interface ArchiveEntry {
  readonly name: string;
  /**
   * Its bytes. Read them to the end, or abandon them (`return`), before taking the next entry: the archive then
   * continues behind them.
   */
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

/** The files of an archive, in its order, without folders and links. */
export type ArchiveEntries = AsyncGenerator<ArchiveEntry, void, undefined>;

/** The most entries of an archive that are read: the largest sosreports have some hundred thousand. */
export const MAX_ENTRIES = 2 ** 22;
