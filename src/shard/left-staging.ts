/** A staging that was found, of any run. */
export interface FoundStaging {
  /** Its name in messages: a folder, or a prefix of a store. */
  readonly path: string;
  readonly output: string;
  /** The run's ID. */
  readonly id: string;
}

/** The content of a staging. */
export interface LeftStaging extends FoundStaging {
  /** Bytes that it takes: on the disk for a folder, the sizes of its objects in a store. */
  readonly bytes: number;
  /** When anything in it was last written, in milliseconds since 1970, by the clock of the file system or store. */
  readonly written: number;
  /** A file in it that no run makes. */
  readonly foreign: string | undefined;
}

/** A folder, or a prefix of a store, that is searched for stagings. */
export interface StagingPlace {
  /**
   * All stagings in it, at any depth. `onFailure` is called for each part that cannot be read. Throws `NOT_READABLE`
   * for the place itself.
   */
  find(onFailure: (error: unknown, path: string) => void): AsyncGenerator<FoundStaging>;
  /** Reads the current state of a staging; `undefined` if it is gone. Throws `NOT_READABLE`. */
  look(found: FoundStaging): Promise<LeftStaging | undefined>;
  /** Removes a staging, and the unfinished uploads that it names. Throws `NOT_WRITABLE`. */
  remove(found: FoundStaging): Promise<void>;
}
