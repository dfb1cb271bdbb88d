import type { UploadCounts } from "../store/upload.js";

/** The destination of an output, for one file or several. */
export interface Destination {
  /** Its name in messages. */
  readonly name: string;
  /** Resolves when it is known that the destination accepts the output. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`. */
  ready?(): Promise<void>;
  /**
   * Everything is written and the dump is `size` bytes long: makes it appear. Returns the number of bytes at the
   * destination if they are not the dump's own: for a packed file or a flattened stream.
   */
  finish(size: number): Promise<number | undefined>;
  /** The run failed: removes everything. Never throws. */
  abort(): Promise<void>;
  /** What was sent, if the output is uploaded. */
  upload?(): UploadCounts;
  /** After `abort`: what could not be removed, and the command that removes it. */
  leftBehind?(): string | undefined;
}

/**
 * Receives a file's bytes. Offsets are those of the dump file; bytes that are never written are zeros. Writes may come
 * in any order. The caller may reuse `bytes` when a write is done.
 */
export interface Sink extends Destination {
  /** Throws `NO_SPACE` and `NOT_WRITABLE`. */
  write(bytes: Uint8Array, offset: number): void | Promise<void>;
  /**
   * Announces, before the first write, that bytes from `offset` on come in ascending order. Sinks that cannot seek keep
   * all other bytes aside until the end.
   */
  ascendingFrom?(offset: number): void;
  /** Announces, before the first write, the most bytes that will come. */
  atMost?(bytes: number): void;
}
