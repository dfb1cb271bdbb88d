/** Takes bytes and hands them on, packed. One makes one frame (zstd, LZ4) or member (gzip). */
export interface Packer {
  /** To be called in turn: not before the call before it is done. Throws what `put` does. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** That was all. When it is done `put` has all. */
  end(): Promise<void>;
  /** Gives up. Never throws. */
  abort(): void;
}

/** Takes what a packer gives, in order. The bytes stay as they are. */
export type Put = (bytes: Uint8Array) => void | Promise<void>;
