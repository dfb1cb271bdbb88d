/**
 * Where the parts of a run lie that several hosts work on: its plan, what each shard has done. Names are plain file names. A
 * name has its whole content or is not there; writing it again replaces it.
 */
export interface Staging {
  /** For messages. */
  readonly name: string;
  /** `undefined`: there is no such name. */
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes all of it, and the unfinished output. No error if there is nothing. */
  remove(): Promise<void>;
}

/** A stretch of the output. Writes are ascending and disjoint. */
export interface RangeTarget {
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** All is where it belongs, and stays there if the machine fails. Returns what the finishing job has to write. */
  end(): Promise<readonly Edge[]>;
  /** Stops writing. Never throws. */
  abort(): Promise<void>;
}

/** Bytes that a shard leaves to the finishing job: blocks that its neighbours write to as well. */
export interface Edge {
  readonly offset: number;
  readonly bytes: Uint8Array;
}
