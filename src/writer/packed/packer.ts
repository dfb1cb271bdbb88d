/** Packs bytes and passes them on. One packer makes one frame (zstd, LZ4) or member (gzip). */
export interface Packer {
  /** Must not be called before the previous call is done. Throws what `put` throws. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Ends the frame. When it is done, `put` has received everything. */
  end(): Promise<void>;
  /** Abandons the frame. Never throws. */
  abort(): void;
}

/** Receives a packer's output, in order. The bytes may be kept. */
export type Put = (bytes: Uint8Array) => void | Promise<void>;
