import type { UploadCounts } from "../store/upload.js";

/** Where an output appears, whoever writes it and in how many files. */
export interface Destination {
  /** Where it goes, for messages. */
  readonly name: string;
  /** Resolves when the destination is known to take the output. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`. */
  ready?(): Promise<void>;
  /**
   * All is written and the dump is `size` bytes long: make it appear. Returns the bytes at the destination where those are not
   * the dump's own: of a packed file, of a flattened stream.
   */
  finish(size: number): Promise<number | undefined>;
  /** The run failed: leave nothing behind. Never throws. */
  abort(): Promise<void>;
  /** What was sent, of an output that is uploaded. */
  upload?(): UploadCounts;
  /** After `abort`: what is there all the same, and the command that removes it. */
  leftBehind?(): string | undefined;
}

/**
 * Where a file's bytes go. Offsets are those of the dump file; bytes that are never written are zeros. Writes may come
 * in any order; the caller may reuse `bytes` when a write is done.
 */
export interface Sink extends Destination {
  /** Throws `NO_SPACE` and `NOT_WRITABLE`. */
  write(bytes: Uint8Array, offset: number): void | Promise<void>;
  /**
   * To be called before the first write by who knows it: bytes at `offset` and behind come in ascending order. Sinks that
   * cannot seek keep all others aside until the end.
   */
  ascendingFrom?(offset: number): void;
  /** To be called before the first write by who knows it: there will be so many bytes at most. */
  atMost?(bytes: number): void;
}
