import type { StoredPart } from "../store/store-types.js";

/**
 * Where the parts of a run lie that several hosts work on: its plan, what each shard has done. Each plan has a place of its own, so what was
 * left by another plan of the same run (other shards, another version of this program) is never in the way. Names are plain file names. A
 * name has its whole content or is not there; writing it again replaces it.
 */
export interface Staging {
  /** For messages. */
  readonly name: string;
  /** Digest of the plan that all in it belongs to. */
  readonly plan: string;
  /** `undefined`: there is no such name. */
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** The name of a plan's place within the staging of a run. */
export function planFolder(digest: string): string {
  return digest.slice(0, 16);
}

/** A stretch of the output. Writes are ascending and disjoint. */
export interface RangeTarget {
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** All is where it belongs, and stays there if the machine fails. Returns what the finishing job needs of it. */
  end(): Promise<RangeLeft>;
  /** Stops writing. Never throws. */
  abort(): Promise<void>;
}

/** What a shard leaves to the finishing job. */
export interface RangeLeft {
  readonly edges: readonly Edge[];
  /** Parts of an upload that it sent, ascending; none in a folder. */
  readonly parts: readonly StoredPart[];
  /** Where the last byte ends that it wrote into a file: so long that file must be. 0: none. */
  readonly reach: number;
}

/** Bytes that a shard leaves to the finishing job: blocks that its neighbours write to as well. */
export interface Edge {
  readonly offset: number;
  readonly bytes: Uint8Array;
}
