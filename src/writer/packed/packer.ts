import type { Packing } from "../../reader/source/packed/packing.js";
import { packGzip } from "./pack-gzip.js";
import { packLz4 } from "./pack-lz4.js";
import { packZstd } from "./pack-zstd.js";

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

/** A packer, at the level that the tool of that name has by itself. `undefined`: hands on as it is. Throws `CODEC_MISSING`. */
export function createPacker(packing: Packing | undefined, put: Put): Packer {
  switch (packing) {
    case undefined:
      return { write: put, end: async () => undefined, abort: () => undefined };
    case "zstd":
      return packZstd(put);
    case "lz4":
      return packLz4(put);
    case "gzip":
      return packGzip(put);
  }
}
