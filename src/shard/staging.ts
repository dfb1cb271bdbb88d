import { DumpError } from "../errors.js";
import type { StoredPart } from "../store/store-types.js";

/**
 * Where the shared files of a run by several hosts are: its plan, and the records of its shards. Each plan has its own
 * place, so files of another plan of the same run (other shards, another version of this program) never interfere.
 * Names are plain file names. A file is either complete or does not exist; writing it again replaces it.
 */
export interface Staging {
  /** Its name in messages. */
  readonly name: string;
  /** Digest of the plan that everything in it belongs to. */
  readonly plan: string;
  /** `undefined` if there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** The bytes of a large file one piece after the other, each valid until the next one is asked for; nothing if there is no such file. */
  pieces(name: string): AsyncIterable<Uint8Array>;
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** The most bytes of a file of a staging. A plan is the largest: two bitmaps of 64 MiB per TiB of memory. */
const MOST = 2 ** 31;

/** Throws `LIMIT` for a file that is too large. */
export function checkStagedSize(size: number, file: string): void {
  if (size > MOST) throw new DumpError("LIMIT", `has ${size} bytes, more than ${MOST}`, { file });
}

/** The name of a plan's folder within the staging of a run. */
export function planFolder(digest: string): string {
  return digest.slice(0, 16);
}

/** A range of the output. Writes are ascending and disjoint. */
export interface RangeTarget {
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Everything is in its place, and survives a crash of the machine. Returns what the finishing job needs. */
  end(): Promise<RangeLeft>;
  /** Stops writing. Never throws. */
  abort(): Promise<void>;
}

/** What a shard leaves to the finishing job. */
export interface RangeLeft {
  readonly edges: readonly Edge[];
  /** Parts of an upload that it sent, ascending; empty for a folder. */
  readonly parts: readonly StoredPart[];
  /** Where the last byte ends that it wrote to a file, which the file must reach; 0 if it wrote none. */
  readonly reach: number;
}

/** Bytes that a shard leaves to the finishing job: in blocks that its neighbours write to as well. */
export interface Edge {
  readonly offset: number;
  readonly bytes: Uint8Array;
}
