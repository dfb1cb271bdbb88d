/** A staging that was found, of whichever run. */
export interface FoundStaging {
  /** As messages name it: a folder, or a prefix of a store. */
  readonly path: string;
  readonly output: string;
  /** Of the run. */
  readonly id: string;
}

/** What is in a staging. */
export interface LeftStaging extends FoundStaging {
  /** Bytes that it takes: those on the disk in a folder, those of its objects in a store. */
  readonly bytes: number;
  /** When anything in it was last written, in milliseconds since 1970, by the clock of the file system or store. */
  readonly written: number;
  /** Something in it that no run makes. */
  readonly foreign: string | undefined;
}

/** A folder, or a prefix of a store, in which stagings are looked for. */
export interface StagingPlace {
  /** All stagings in it, at any depth. `onFailure` is told what cannot be looked into. Throws `NOT_READABLE` for the place itself. */
  find(onFailure: (error: unknown, path: string) => void): AsyncGenerator<FoundStaging>;
  /** Looks into one now; `undefined`: it is gone. Throws `NOT_READABLE`. */
  look(found: FoundStaging): Promise<LeftStaging | undefined>;
  /** Removes it, and the unfinished uploads that it names. Throws `NOT_WRITABLE`. */
  remove(found: FoundStaging): Promise<void>;
}
