/**
 * Where a dump's bytes go. Offsets are those of the dump file; bytes that are never written are zeros. Writes may come
 * in any order; the caller may reuse `bytes` when a write is done.
 */
export interface Sink {
  /** Throws `NO_SPACE` and `NOT_WRITABLE`. */
  write(bytes: Uint8Array, offset: number): void | Promise<void>;
  /** All is written and the dump is `size` bytes long: make it appear. */
  finish(size: number): Promise<void>;
  /** The run failed: leave nothing behind. Never throws. */
  abort(): Promise<void>;
  /** Where it goes, for messages. */
  readonly name: string;
}
